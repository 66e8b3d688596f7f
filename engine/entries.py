"""Entry points: how Python calls the compiled kernels, as source in their own dialect.

An entry is a C function that the interpreter calls directly, with the calling convention METH_FASTCALL:
an array of objects and their count come in, a new reference or the C null (0, an exception is set) goes
out. It takes its arguments out of the array, or refuses them before anything happened.

A bytes object is read as words from the address of its data. The last, partial word is read so that it
*ends* where the data ends: before the data of a bytes object stands its header, behind it perhaps nothing.

Threads: an entry keeps the interpreter's lock for a short batch, since to give it away and wait for it
costs more than the batch, and gives it away for one of more than LOCK_KEPT operations.
Pure text; `intrinsics` knows what the names mean.
"""

from __future__ import annotations

__all__ = ["ENTRIES", "INTERFACE", "PREFIX", "source"]

PREFIX = "powercut_"
LOCK_KEPT = 16

# In the dialect themselves; `space_at` and what stands in _INTERFACE is known to them alone.
_STEPS = """
from . import words as w

def pack(space: Space, word: int, data: int, size: int) -> None:
    whole = size >> 3
    for number in range(whole):
        space[word + number] = unaligned(data + (number << 3))
    rest = size & 7
    if rest != 0:
        space[word + whole] = unaligned(data + size - 8) >> (64 - (rest << 3))

def work(batch: Space) -> int:
    control = space_at(batch[w.B_CONTROL])
    index = space_at(batch[w.B_INDEX])
    log = space_at(batch[w.B_LOG])
    return run_batch(control, index, log, space_at(batch[w.B_EPOCHS]), batch)

def stage(batch: Space, kind: int, key: int, key_bytes: int) -> None:
    pack(batch, batch[w.B_KEYS], key, key_bytes)
    batch[w.B_KEY_BYTES] = key_bytes
    batch[w.B_KIND] = kind
    batch[w.B_START] = 0
    batch[w.B_COUNT] = 1
    batch[w.B_ISSUE] = 1
"""

_BODIES = {
    "run(batch: Space)": f"""
    if batch[w.B_COUNT] <= {LOCK_KEPT}:
        return object_of(work(batch))
    state = release()
    why = work(batch)
    regain(state)
    return object_of(why)
""",
    "run_key(batch: Space, kind: int, key: bytes)": """
    stage(batch, kind, key, key_bytes)
    return object_of(work(batch))
""",
    "run_pair(batch: Space, kind: int, key: bytes, value: bytes)": """
    stage(batch, kind, key, key_bytes)
    pack(batch, batch[w.B_VALUES], value, value_bytes)
    batch[w.B_VALUE_BYTES] = value_bytes
    return object_of(work(batch))
""",
    "relink(control: Space, index: Space, log: Space, start: int, end: int)": """
    state = release()
    address, why = relink(control, index, log, start, end)
    regain(state)
    pair = new_tuple(2)
    if pair != 0:
        set_item(pair, 0, object_of(address))
        set_item(pair, 1, object_of(why))
    return pair
""",
    "cas(place: Space, expected: int, value: int)": """
    return truth_of(1 if cas(place, 0, expected, value) else 0)
""",
    "fetch_add(place: Space, delta: int)": """
    return object_of(fetch_add(place, 0, delta))
""",
}
_ARGUMENTS = {
    "Space": "    {name} = space_at(word_of(arguments[{number}]))",
    "int": "    {name} = word_of(arguments[{number}])",
    "bytes": "    {name} = data_of(arguments[{number}])\n    {name}_bytes = size_of(arguments[{number}])",
}


def _entry(head: str, body: str) -> str:
    """Source of one entry point: takes its arguments out of the array, or refuses them."""
    name, _, parameters = head.rstrip(")").partition("(")
    pairs = [parameter.split(": ") for parameter in parameters.split(", ")]
    taken = [_ARGUMENTS[kind].format(name=name, number=n) for n, (name, kind) in enumerate(pairs)]
    return "\n".join(
        [
            f"def {_PREFIX}{name}(arguments: Space, count: int) -> int:",
            f"    if count != {len(pairs)}:",
            "        refuse()",
            "        return 0",
            *taken,
            "    if error() != 0:",
            "        return 0",
            body.strip("\n"),
        ]
    )


