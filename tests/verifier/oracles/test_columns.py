"""The prefix oracle over columns says what the slow one says, of right and of wrong content."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import numpy as np

from powercut.verifier.oracles.columns import Content, History, judge_columns
from powercut.verifier.oracles.prefix import judge_recovery
from powercut.verifier.spec.model import Issued, issue, replay
from powercut.verifier.tapes.tape import Kind, Operation
from powercut.verifier.verdict import OK, Breach, Violation

Stamps = dict[int, list[tuple[int, int]]]
_KINDS = (Kind.UPSERT, Kind.RMW, Kind.RMW, Kind.DELETE)


def _history(random: Random) -> list[Issued]:
    serials = [0, 0, 0]
    made = []
    for _ in range(random.randrange(12)):
        session = random.randrange(3)
        serials[session] += 1
        made.append(issue(Operation(random.choice(_KINDS), session, random.randrange(3)), serials[session]))
    return made


def _columns(history: list[Issued]) -> History:
    return History(
        np.array([each.session for each in history], np.uint8),
        np.array([each.serial for each in history], np.uint32),
        np.array([each.kind for each in history], np.uint8),
        np.array([int(each.key[4:]) for each in history], np.uint32),
    )


def _stamps_of(content: dict[bytes, bytes]) -> Stamps:
    return {
        int(key[4:]): [tuple(map(int, stamp.split(b"."))) for stamp in value.split(b";")[:-1]]  # type: ignore[misc]
        for key, value in content.items()
    }


def _content(stamps: Stamps) -> Content:
    rows = [(key, *stamp) for key in sorted(stamps) for stamp in stamps[key]]
    columns = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    return Content(
        np.array(columns[0], np.uint32), np.array(columns[1], np.uint8), np.array(columns[2], np.uint32)
    )


def _spoiled(random: Random, stamps: Stamps) -> Stamps:
    """The stamps with something lost, doubled, exchanged, moved or made up; or as they were."""
    stamps = {key: list(each) for key, each in stamps.items()}
    how, full = random.randrange(7), sorted(stamps)
    if how == 0 or not full:
        return stamps
    key = random.choice(full)
    own = stamps[key]
    at = random.randrange(len(own))
    if how == 1:
        del own[at]
    elif how == 2:
        own.insert(at, own[at])
    elif how == 3:
        own.reverse()
    elif how == 4:
        own[at] = (own[at][0], own[at][1] + 1)
    elif how == 5:
        own.append((random.randrange(3), 1 + random.randrange(5)))
    else:
        stamps.setdefault(random.randrange(3), []).append(own.pop(at))
    return {each: found for each, found in stamps.items() if found}


def _cases() -> Iterator[tuple[list[Issued], dict[int, int], dict[int, int], Stamps]]:
    random = Random(11)
    for _ in range(10_000):
        history = _history(random)
        issued = {session: sum(each.session == session for each in history) for session in range(3)}
        recovered = {s: random.randint(0, count + (random.random() < 0.05)) for s, count in issued.items()}
        acked = {s: max(0, count - random.choice((0, 0, 1, 2, -1))) for s, count in recovered.items()}
        yield history, acked, recovered, _spoiled(random, _stamps_of(replay(history, recovered)))


def test_its_verdict_is_that_of_the_slow_one_on_random_histories() -> None:
    seen: dict[object, int] = {}
    for history, acked, recovered, stamps in _cases():
        held = {b"key-%d" % k: b"".join(b"%d.%d;" % each for each in own) for k, own in stamps.items()}
        slow = judge_recovery(history, acked, recovered, held)
        fast = judge_columns(_columns(history), acked, recovered, _content(stamps))
        if isinstance(slow, Violation):
            assert isinstance(fast, Violation), (history, recovered, stamps)
            assert fast.is_same_kind(slow), (slow, fast)
            seen[slow.breach] = seen.get(slow.breach, 0) + 1
        else:
            assert fast == OK, (history, recovered, stamps, fast)
            seen[OK] = seen.get(OK, 0) + 1
    for kind in (OK, Breach.LOST_ACK, Breach.WRONG_SERIAL, Breach.HOLE, Breach.PHANTOM, Breach.WRONG_VALUE):
        assert seen[kind] > 20, seen


def _large(count: int, keys: int) -> tuple[History, dict[int, int], Callable[[], Content]]:
    """So many operations of 12 sessions; and what a recovery finds after two thirds of each."""
    generator = np.random.default_rng(5)
    sessions = generator.integers(0, 12, count, np.uint8)
    serials = np.empty(count, np.uint32)
    for session in range(12):
        own = sessions == session
        serials[own] = np.arange(1, own.sum() + 1)
    kinds = np.where(generator.random(count) < 0.9, np.uint8(Kind.UPSERT), np.uint8(Kind.RMW))
    history = History(sessions, serials, kinds, generator.integers(0, keys, count, np.uint32))
    recovered = {session: int(2 * (sessions == session).sum() // 3) for session in range(12)}

    def content() -> Content:
        is_in = serials <= np.array([recovered[s] for s in range(12)], np.uint32)[sessions]
        order = np.flatnonzero(is_in)[np.argsort(history.keys[is_in], kind="stable")]
        begins = kinds[order] == Kind.UPSERT
        of_key = history.keys[order]
        last = np.zeros(keys, np.int64)
        last[of_key[begins]] = np.flatnonzero(begins)
        kept = order[np.arange(len(order)) >= last[of_key]]
        return Content(history.keys[kept], sessions[kept], serials[kept])

    return history, recovered, content


def test_many_operations_are_judged_and_one_wrong_stamp_is_told() -> None:
    history, recovered, make = _large(200_000, 20_000)
    content = make()
    assert judge_columns(history, recovered, recovered, content) == OK
    wrong = content.serials.copy()
    wrong[777] += 1
    verdict = judge_columns(history, recovered, recovered, Content(content.keys, content.sessions, wrong))
    assert isinstance(verdict, Violation)
    assert f"key-{content.keys[777]}" in verdict.detail or verdict.breach is Breach.HOLE
