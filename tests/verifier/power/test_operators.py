"""Operators: each makes exactly these edits of a small module."""

import ast

import pytest

from powercut.verifier.errors import HarnessError
from powercut.verifier.mutants.planted import Edit, Span
from powercut.verifier.power.generic import Generic, generate, generate_all
from powercut.verifier.power.operators import OPERATORS, know
from powercut.verifier.power.source import Source

BOUNDARY = '''\
def shift(control, head, tail):
    """Between head and tail."""
    begin = load(control, w.HEAD)
    assert begin <= head
    return min(begin, tail)
'''
NUMBERS = """\
LIMIT: Final = 3

def cut(items: list[int], count):
    for at in range(count):
        store(items, at + 1)
    return items[2:count]
"""
EDGES = """\
def order(a, b):
    return a < b <= 3 or a == b
"""
CONDITIONS = """\
def pick(a, b, c):
    if a and b is None:
        return 1
    while not c:
        c = a or b or c
    return a if b else c
"""
STATEMENTS = '''\
class Log:
    def __init__(self):
        self.end = 0

    def flush(self, device, epochs):
        """Write."""
        epochs.drain("batches")
        device.write(1)
        device.sync("a")
        self.end += 1
        self.names[0] = None
        self.is_new = False
        if self.is_full():
            raise OSError("full")
        self.tell()
        self.count()
'''
RETRIES = """\
def change(space):
    for each in space:
        if each:
            continue
        use(each)
    while (seen := load(space, 1)) < 3 and not cas(space, 1, seen, 3):
        pass
    while True:
        if cas(space, 1, 2, 3):
            break
    return w.RETRY
"""
RACES = """\
class Ring:
    def seal(self, log, at, link):
        if not cas(log, at, link, link | 1):
            return False
        elif cas(log, at, 1, 2):
            return True
        return self.mode.cas(log, at, 3, 4)

    def grow(self):
        with self.lock:
            end = self.end()
            self.move(end)
        with open("a"):
            self.move(1)
        with self.lock:
            self.move(2)

    def wait(self, control, until):
        address = load(control, w.TAIL)
        self.note(address)
        until(lambda: load(control, w.HEAD) >= address)
        while True:
            tail = load(control, w.TAIL)
            if tail > 3:
                return tail

    def write(self):
        start = self.extents.end
        self.extents.end = 5
        try:
            self.device.sync("a")
        except OSError:
            raise
        return start
"""
ARGUMENTS = """\
class Extent(NamedTuple):
    start: int
    stop: int
    name: str

def move(space: Space, source: int, target: int, name: str) -> None:
    move(space, 1, 2, name)
    Extent(1, 2, name)
    other(1, 2)
    move(*space)
"""


def edits(operator: str, text: str) -> list[str]:
    """Each edit of the operator: what goes and what comes, spans divided by `;`."""
    source = Source("powercut.engine.toy", text)
    found = [each for each in generate(source, know([source])) if each.operator == operator]
    for each in found:
        made = each.edit().edited(text)
        compile(made, "toy", "exec")
        assert made != text
    return ["; ".join(f"{old} -> {new}" for _, _, old, new in each.spans) for each in found]


def test_boundaries_are_exchanged_with_those_next_to_them() -> None:
    assert edits("boundary", BOUNDARY) == [
        "begin -> head",  # In `min`: begin, head and tail are the names there are.
        "tail -> head",
        "w.HEAD -> w.SAFE_HEAD",
        "w.HEAD -> w.FLUSHED",
    ]


def test_numbers_and_ends_are_off_by_one() -> None:
    assert edits("off-by-one", NUMBERS) == [
        *("3 -> 4", "3 -> 2", "count -> (count) + 1", "1 -> 2", "1 -> 0"),
        *("count -> (count) + 1", "2 -> 3", "2 -> 1"),
    ]


def test_comparisons_take_their_edge_in_or_leave_it_out() -> None:
    assert edits("edge", EDGES) == ["< -> <=", "<= -> <"]


def test_conditions_are_dropped() -> None:
    assert edits("dropped", CONDITIONS) == [
        "a and b is None -> True",
        "a and b is None -> False",
        "a and b is None -> (b is None)",
        "a and b is None -> a",
        "a or b or c -> b or c",
        "a or b or c -> a or c",
        "a or b or c -> a or b",
        "a if b else c -> (a)",
        "a if b else c -> (c)",
    ]


def test_conditions_are_negated() -> None:
    assert edits("negated", CONDITIONS) == [
        "a and b is None -> not (a and b is None)",
        "not c -> (c)",
        "b -> not (b)",
    ]


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (
            "statement",
            [
                *("device.write(1) -> pass", "self.end += 1 -> pass", "self.names[0] = None -> pass"),
                *("self.is_new = False -> pass", 'raise OSError("full") -> pass'),
                *("self.tell() -> pass", "self.count() -> pass"),
            ],
        ),
        ("sync", ['device.sync("a") -> pass']),
        ("drain", ['epochs.drain("batches") -> pass']),
        (
            "exchange",
            [
                'epochs.drain("batches") -> device.write(1); device.write(1) -> epochs.drain("batches")',
                'device.write(1) -> device.sync("a"); device.sync("a") -> device.write(1)',
                "self.end += 1 -> self.names[0] = None; self.names[0] = None -> self.end += 1",
                "self.names[0] = None -> self.is_new = False; self.is_new = False -> self.names[0] = None",
                "self.tell() -> self.count(); self.count() -> self.tell()",
            ],
        ),
    ],
)
def test_statements_are_left_out_or_change_places(operator: str, expected: list[str]) -> None:
    assert edits(operator, STATEMENTS) == expected


def test_stores_in_a_batch_that_nobody_else_reads_keep_their_order() -> None:
    text = (
        "def f(batch, control):\n    batch[1] = 2\n    batch[3] = 4\n    control[5] = 6\n    control[7] = 8\n"
    )
    assert edits("exchange", text) == ["control[5] = 6 -> control[7] = 8; control[7] = 8 -> control[5] = 6"]
    text = "class A:\n    def __init__(self):\n        self.a = 1\n        self.b = 2\n"
    assert edits("exchange", text) == []
    assert len(edits("exchange", text.replace("__init__", "reset"))) == 1


def test_what_is_tried_again_is_not() -> None:
    assert edits("retry", RETRIES) == ["continue -> pass", "while -> if", "w.RETRY -> w.DONE"]


def test_a_cas_becomes_a_store() -> None:
    assert edits("cas", RACES) == [
        " -> store(log, at, link | 1)\n        ; cas(log, at, link, link | 1) -> True",
        "self.mode.cas(log, at, 3, 4) -> (store(log, at, 4) or True)",
    ]


def test_locks_are_taken_late_or_not_at_all() -> None:
    assert edits("lock", RACES) == [
        "with self.lock -> if True",
        " -> end = self.end()\n        ; end = self.end() -> pass",
        "with self.lock -> if True",
    ]


def test_captured_values_are_read_again() -> None:
    assert edits("again", RACES) == [
        "address -> load(control, w.TAIL)",
        "tail -> load(control, w.TAIL)",
        "tail -> load(control, w.TAIL)",
        "start -> self.extents.end",
    ]


def test_values_read_each_time_are_captured() -> None:
    assert edits("captured", RACES) == [
        "lambda -> lambda seen=load(control, w.HEAD); load(control, w.HEAD) -> seen",
        " -> tail = load(control, w.TAIL)\n        ; tail = load(control, w.TAIL) -> pass",
    ]


def test_errors_are_swallowed() -> None:
    margin = " " * 12
    sync = 'self.device.sync("a")'
    assert edits("swallowed", RACES) == [
        f"{sync} -> try:\n{margin}    {sync}\n{margin}except OSError:\n{margin}    pass",
        "raise -> pass",
    ]


def test_arguments_are_exchanged_with_neighbours_of_their_type() -> None:
    assert edits("argument", ARGUMENTS) == ["1 -> 2; 2 -> 1", "1 -> 2; 2 -> 1"]


def test_two_definitions_of_one_name_say_nothing_of_types() -> None:
    other = Source("powercut.engine.other", "def move(space: int, source: str) -> None: ...")
    source = Source("powercut.engine.toy", ARGUMENTS)
    found = [each for each in generate(source, know([source, other])) if each.operator == "argument"]
    assert [each.line for each in found] == [8]


def test_assertions_annotations_docstrings_and_texts_of_errors_stay() -> None:
    text = 'def f(a: "1"):\n    """1"""\n    assert a > 1, 1\n    raise OSError(f"{a + 1}") from None\n'
    source = Source("powercut.engine.toy", text)
    assert [each.operator for each in generate(source, know([source]))] == ["statement"]


@pytest.mark.once
def test_no_operator_is_idle_on_the_engine_and_names_are_unique() -> None:
    every = generate_all("engine")
    assert {each.operator for each in every} == set(OPERATORS)
    assert len({each.name for each in every}) == len(every) > 3_000
    assert generate_all("engine", "log.ring") == [each for each in every if each.module.endswith("log.ring")]


def test_a_mutant_that_compiles_to_the_same_is_not_born() -> None:
    like = generate_all("engine", "log.ring")[0]
    (span, *_) = like.spans
    same = Generic(like.name, like.module, "", "", like.line, (span._replace(new=f"({span.old})"),))
    broken = Generic(like.name, like.module, "", "", like.line, (span._replace(new="("),))
    assert like.is_born()
    assert not same.is_born()
    assert not broken.is_born()


def test_an_edit_of_another_source_is_refused() -> None:
    edit = Edit("toy", "powercut.engine.toy", (Span(4, 7, "cut", "put"),))
    assert edit.edited("def cut(): ...") == "def put(): ..."
    with pytest.raises(HarnessError, match="toy: bytes 4 to 7"):
        edit.edited("def get(): ...")


def test_places_are_bytes() -> None:
    text = 'a = "é"; b = 1\n'
    source = Source("powercut.engine.toy", text)
    (name,) = [each for each in ast.walk(source.tree) if isinstance(each, ast.Name) and each.id == "b"]
    assert source.text(name) == "b"
    assert edits("off-by-one", text) == ["1 -> 2", "1 -> 0"]
