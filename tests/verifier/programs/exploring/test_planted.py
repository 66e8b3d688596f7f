"""Bugs planted in what judges programs: each is noticed by a case that the genuine module answers well."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from powercut.faultfs import Event, EventKind
from powercut.verifier.programs.exploring import legality, verdicts
from powercut.verifier.programs.reading import asking, scene
from powercut.verifier.programs.reading.readers import Answer, Reading
from powercut.verifier.programs.reading.scene import Entry
from powercut.verifier.programs.recording import Inode, Recording, Step


def planted(module: ModuleType, old: str, new: str) -> Any:
    """The module with this in the place of that."""
    assert module.__file__ is not None
    source = Path(module.__file__).read_text(encoding="utf-8")
    assert source.count(old) == 1
    changed = ModuleType(module.__name__)
    changed.__package__ = module.__package__
    was, sys.modules[module.__name__] = sys.modules[module.__name__], changed
    try:
        exec(compile(source.replace(old, new), module.__file__, "exec"), changed.__dict__)
    finally:
        sys.modules[module.__name__] = was
    return changed


def mark(label: str) -> Event:
    return Event(EventKind.MARK, data=b"0", label=label)


WRITE = Event(EventKind.WRITE, "f", 1, 0, b"x", 1)
EVENTS = [mark("step"), WRITE, mark("done")]
RECORDING = Recording("/d", {"f": 1}, {}, EVENTS, [], [], [Step(("s",), 0)])
FAILED = Recording("/d", {"f": 1}, {}, EVENTS, [], [], [Step(("s",), 1)])
ANSWERS = [Answer(0, b"old"), Answer(0, b"new")]


def judged(module: Any, recording: Recording = RECORDING) -> object:
    """The verdict on the old answer and on the new one, at each index."""
    rules = module.Legality(module.points_of(recording), ANSWERS, len(EVENTS), {})
    told = []
    for index in range(len(EVENTS) + 1):
        (part,) = rules.meeting(index, index)
        told.append([verdicts.judge(Reading(answer), rules, part) for answer in ANSWERS])
    return told


def both(module: Any) -> object:
    """The same, of a step that ended well and of one that did not."""
    return judged(module), judged(module, FAILED)


def ranges(module: Any) -> object:
    """The ranges that a state of two indices is judged in."""
    rules = module.Legality(module.points_of(RECORDING), ANSWERS, len(EVENTS), {})
    return list(rules.meeting(1, 3))


def kinds(module: Any) -> object:
    """The verdicts on readings that are wrong in one way each."""
    rules = legality.Legality(legality.points_of(RECORDING), ANSWERS, len(EVENTS), {})
    (part,) = rules.meeting(3, 3)
    new = ANSWERS[1]
    readings = [
        Reading(new),
        Reading(ANSWERS[0]),
        Reading(Answer(0, b"else")),
        Reading(Answer(1, b"")),
        Reading(Answer(-11, b"new")),
        Reading(new, again=ANSWERS[0]),
        Reading(new, again=new),
        Reading(new, why="it did not end"),
        Reading(new, check=1),
    ]
    return [str(module.judge(reading, rules, part)) for reading in readings]


FOLDER = Entry(0, 0o40755, 0, 0, 1, b"")


def files(**content: bytes) -> dict[str, Entry]:
    made = {name: Entry(1 + at, 0o100644, 0, 0, 1, data) for at, (name, data) in enumerate(content.items())}
    return {"": FOLDER, **made}


def shared(module: Any) -> object:
    """The scenes that share an answer with one whose first two bytes of f, size of g and names were asked."""
    tree = module.Answers()
    asked = [(module.READ, "f", 0, 2), (module.STAT, "g", 0, 0), (module.LIST, "", 0, 0)]
    tree.add(files(f=b"abc", g=b"1"), asked, "read")
    others = [
        files(f=b"abd", g=b"2"),
        files(f=b"axc", g=b"1"),
        files(f=b"abc", g=b"12"),
        files(f=b"abc", g=b"1", h=b""),
        files(f=b"abc"),
    ]
    return [tree.find(each) for each in others]


def gone(module: Any) -> object:
    """The answers of a file that is empty and of one that is not there."""
    question = (module.READ, "f", 0, 2)
    return module.answer(files(f=b""), question) == module.answer(files(), question)


def names(module: Any) -> object:
    """Two names of one file, and of two files that look alike."""
    one = {"": FOLDER, "a": files(a=b"x")["a"], "b": files(a=b"x")["a"]}
    return module.answer(one, (module.NAME, "a", 0, 0)) == module.answer(
        files(a=b"x", b=b"x"), (module.NAME, "a", 0, 0)
    )


def moving(module: Any) -> object:
    """The paths that differ between states: written, renamed, in a folder, static, never there."""
    recording = Recording(
        "/d",
        {"f": 1, "old": 2, "still": 3, "sub": 4, "4/in": 5},
        {n: Inode(0o40755 if n == 4 else 0o100644, 0, 0, 1) for n in range(1, 6)},
        [
            Event(EventKind.WRITE, "f", 1, 0, b"x", 1),
            Event(EventKind.RENAME, "old", 2, target="new"),
            Event(EventKind.CREATE, "4/made", 6),
        ],
        [],
        [],
        [],
    )
    setting = module.Setting(recording)
    paths = ("f", "old", "new", "still", "sub", "sub/in", "sub/made", "nowhere")
    return [(setting.moves(path), setting.moves(path, is_listed=True)) for path in paths]


BUGS: list[tuple[str, Callable[[Any], object], ModuleType, str, str]] = [
    (
        "any older answer is legal",
        both,
        legality,
        "set(self.answers[part.low : part.high + 1])",
        "set(self.answers[: part.high + 1])",
    ),
    (
        "an acknowledgement comes an event too late",
        both,
        legality,
        "points.append(Point(position, begun, is_acknowledged,",
        "points.append(Point(position + 1, begun, is_acknowledged,",
    ),
    (
        "an acknowledgement comes an event too soon",
        both,
        legality,
        "points.append(Point(position, begun, is_acknowledged,",
        "points.append(Point(position - 1, begun, is_acknowledged,",
    ),
    (
        "a step is legal before it has begun",
        both,
        legality,
        "if each.begun <= start or number == 0",
        "if each.begun <= start + 1 or number == 0",
    ),
    (
        "a step that failed is owed",
        both,
        legality,
        "is_acknowledged = step is None or step.status == 0",
        "is_acknowledged = True",
    ),
    (
        "the last range of a state is not judged",
        ranges,
        legality,
        "part.start <= last and first <= part.stop",
        "part.start < last and first <= part.stop",
    ),
    (
        "an old answer is none of the old ones",
        kinds,
        verdicts,
        "if answer in legality.older(part):",
        "if answer in legality.legal(part):",
    ),
    (
        "a status is not looked at",
        kinds,
        verdicts,
        "if answer.status not in {each.status for each in legal}:",
        "if answer.status < 0:",
    ),
    (
        "a second answer is not compared",
        kinds,
        verdicts,
        "reading.again != answer:\n        return Verdict.UNSTABLE\n    return",
        "False:\n        return Verdict.UNSTABLE\n    return",
    ),
    ("a hang is an answer", kinds, verdicts, "    if reading.why:\n", "    if False:\n"),
    ("a checker is not heard", kinds, verdicts, "if reading.check else None", "if False else None"),
    (
        "pruning shares where bytes that were read differ",
        shared,
        asking,
        "return entry.data[offset : offset + length]",
        "return entry.data[offset : offset + 1]",
    ),
    (
        "pruning shares where sizes differ",
        shared,
        asking,
        "entry.modified, len(entry.data)",
        "entry.modified, 0",
    ),
    (
        "pruning shares where names that were listed differ",
        shared,
        asking,
        'if name and "/" not in name))',
        'if name == "f"))',
    ),
    (
        "pruning shares where a file is there and empty",
        gone,
        asking,
        "        return _ABSENT\n",
        '        return b""\n',
    ),
    (
        "two files are taken for one with two names",
        names,
        asking,
        "return tuple(sorted(names)) if len(names) > 1 else ()",
        "return ()",
    ),
    (
        "a file that is written is taken for one that never differs",
        moving,
        scene,
        "self._written.add(event.inode)\n            if event.kind in (",
        "pass\n            if event.kind in (",
    ),
    (
        "a name that moves is taken for one that never differs",
        moving,
        scene,
        "            if key in self._named:\n                return True\n",
        "",
    ),
    (
        "a folder with new names is taken for one that never differs",
        moving,
        scene,
        "(is_listed and folder in self._listed)",
        "False",
    ),
]


@pytest.mark.parametrize(
    ("case", "module", "old", "new"), [bug[1:] for bug in BUGS], ids=[bug[0] for bug in BUGS]
)
def test_a_planted_bug_is_noticed(
    case: Callable[[Any], object], module: ModuleType, old: str, new: str
) -> None:
    try:
        noticed = case(planted(module, old, new))
    except (IndexError, KeyError, ValueError, RecursionError):
        return
    assert noticed != case(module)


def test_the_genuine_ones_answer_well() -> None:
    lost, new = verdicts.Verdict.LOST, verdicts.Verdict.MIXED
    assert judged(legality) == [[None, new], [None, None], [None, None], [lost, None]]
    assert judged(legality, FAILED)[3] == [None, None]  # type: ignore[index]
    assert shared(asking) == ["read", None, None, None, None]
    assert names(asking) is False
    assert kinds(verdicts) == [
        "None",
        "lost acknowledged",
        "mixed",
        "cannot be read",
        "cannot be read",
        "changes its mind",
        "None",
        "hangs",
        "the checker says no",
    ]
    assert moving(scene) == [
        (True, True),
        (True, True),
        (True, True),
        (False, False),
        (False, True),
        (False, False),
        (True, True),
        (False, False),
    ]
