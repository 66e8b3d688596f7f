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

__all__ = ["PREFIX", "source"]

PREFIX = "powercut_"
LOCK_KEPT = 16

# What is called c_ is Python's C interface, or an instruction that is for entries alone.
_STEPS = """
from . import words as w

def entry_pack(space: Space, word: int, data: int, size: int) -> None:
    whole = size >> 3
    for number in range(whole):
        space[word + number] = c_unaligned(data + (number << 3))
    rest = size & 7
    if rest != 0:
        space[word + whole] = c_unaligned(data + size - 8) >> (64 - (rest << 3))

def entry_work(batch: Space) -> int:
    control = c_space(batch[w.B_CONTROL])
    index = c_space(batch[w.B_INDEX])
    log = c_space(batch[w.B_LOG])
    return run_batch(control, index, log, c_space(batch[w.B_EPOCHS]), batch)

def entry_stage(batch: Space, kind: int, key: int, key_bytes: int) -> None:
    entry_pack(batch, batch[w.B_KEYS], key, key_bytes)
    batch[w.B_KEY_BYTES] = key_bytes
    batch[w.B_KIND] = kind
    batch[w.B_START] = 0
    batch[w.B_COUNT] = 1
    batch[w.B_ISSUE] = 1
"""

# Head: body. A space comes as its address; of a bytes object NAME is where its data is, NAME_bytes the size.
ENTRIES = {
    "run(batch: Space)": f"""
    if batch[w.B_COUNT] <= {LOCK_KEPT}:
        return c_object(entry_work(batch))
    state = c_release()
    why = entry_work(batch)
    c_regain(state)
    return c_object(why)
""",
    "run_key(batch: Space, kind: int, key: bytes)": """
    entry_stage(batch, kind, key, key_bytes)
    return c_object(entry_work(batch))
""",
    "read_key(batch: Space, kind: int, key: bytes)": """
    entry_stage(batch, kind, key, key_bytes)
    why = entry_work(batch)
    if why != 0:
        return c_object(why << w.RESULT_BITS)
    if batch[w.OP_RESULT] == w.FOUND and batch[w.OP_PLACE] != w.COLD:
        return c_bytes(c_place(batch, batch[w.OP_VALUE]), batch[w.OP_VALUE_BYTES])
    return c_object(batch[w.OP_RESULT])
""",
    "run_pair(batch: Space, kind: int, key: bytes, value: bytes)": """
    entry_stage(batch, kind, key, key_bytes)
    entry_pack(batch, batch[w.B_VALUES], value, value_bytes)
    batch[w.B_VALUE_BYTES] = value_bytes
    return c_object(entry_work(batch))
""",
    "relink(control: Space, index: Space, log: Space, group: Space, start: int, end: int)": """
    state = c_release()
    address, why = relink(control, index, log, group, start, end)
    c_regain(state)
    pair = c_tuple(2)
    if pair != 0:
        c_set_item(pair, 0, c_object(address))
        c_set_item(pair, 1, c_object(why))
    return pair
""",
    "run_walk(walk: Space)": """
    state = c_release()
    control = c_space(walk[w.B_CONTROL])
    index = c_space(walk[w.B_INDEX])
    why = run_walk(control, index, c_space(walk[w.B_LOG]), c_space(walk[w.B_EPOCHS]), walk)
    c_regain(state)
    return c_object(why)
""",
    "run_pick(batch: Space)": """
    state = c_release()
    control = c_space(batch[w.B_CONTROL])
    index = c_space(batch[w.B_INDEX])
    why = run_pick(control, index, c_space(batch[w.B_LOG]), c_space(batch[w.B_EPOCHS]), batch)
    c_regain(state)
    return c_object(why)
""",
    "split(control: Space, index: Space, log: Space, spare: Space, start: int, stop: int)": """
    state = c_release()
    why = split(control, index, log, spare, start, stop)
    c_regain(state)
    return c_object(why)
""",
    "settle(control: Space, index: Space, chart: Space, start: int, stop: int)": """
    state = c_release()
    reached = stop
    if start == stop:
        free_rest(control, index, chart)
    else:
        reached = settle(index, chart, start, stop)
    c_regain(state)
    return c_object(reached)
""",
    "cas(place: Space, expected: int, value: int)": """
    return c_truth(1 if cas(place, 0, expected, value) else 0)
""",
    "fetch_add(place: Space, delta: int)": """
    return c_object(fetch_add(place, 0, delta))
""",
}
_ARGUMENTS = {
    "Space": "    {name} = c_space(c_word(arguments[{number}]))",
    "int": "    {name} = c_word(arguments[{number}])",
    "bytes": "    {name} = c_data(arguments[{number}])\n    {name}_bytes = c_size(arguments[{number}])",
}


def source() -> str:
    """The whole, as one module of the dialect."""
    return "\n\n".join([_STEPS, *(_entry(head, body) for head, body in ENTRIES.items())])


def _entry(head: str, body: str) -> str:
    """Source of one entry point: takes its arguments out of the array, or refuses them."""
    name, _, parameters = head.rstrip(")").partition("(")
    pairs = [parameter.split(": ") for parameter in parameters.split(", ")]
    taken = [_ARGUMENTS[kind].format(name=name, number=n) for n, (name, kind) in enumerate(pairs)]
    return "\n".join(
        [
            f"def {PREFIX}{name}(arguments: Space, count: int) -> int:",
            f"    if count != {len(pairs)}:",
            "        c_refuse()",
            "        return 0",
            *taken,
            "    if c_error() != 0:",
            "        return 0",
            body.strip("\n"),
        ]
    )
