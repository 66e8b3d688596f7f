"""The reference of the log: its boundaries and counters, reckoned by hand."""

from __future__ import annotations

from powercut.verifier.answers.hybrid import FIRST_ADDRESS, HybridLog

# Header, a key of a word, a value: in pages of 1,024 bytes, two of them in memory.
SMALL = 16 + 8 + 8
LARGE = 16 + 8 + 504


def test_values_that_fit_stay_where_they_are_and_others_are_copied() -> None:
    log = HybridLog("tiny")
    log.upsert(b"a", b"x" * 16)
    log.upsert(b"a", b"y" * 9)
    assert (log.counters["appended"], log.counters["in_place"], log.counters["copied"]) == (1, 1, 0)
    log.upsert(b"a", b"z" * 17)
    assert log.counters["copied"] == 1
    assert log.tail == FIRST_ADDRESS + (16 + 8 + 16) + (16 + 8 + 24)
    assert log.delete(b"a")
    log.upsert(b"a", b"after a tombstone, in no case in place")
    assert log.counters["copied"] == 2


def test_third_page_evicts_the_first() -> None:
    log = HybridLog("tiny")
    log.upsert(b"a", bytes(504))
    log.upsert(b"b", bytes(504))
    assert (log.tail, log.head, log.read_only) == (1024 + LARGE, FIRST_ADDRESS, FIRST_ADDRESS)
    log.upsert(b"c", bytes(504))
    assert (log.tail, log.head, log.read_only, log.flushed) == (2048 + LARGE, 1024, 1024, 1024)
    assert log.read(b"a") == (("cold", FIRST_ADDRESS), bytes(504))
    assert (log.counters["device_reads"], log.counters["hits_cold"]) == (1, 1)


def _is_beside(log: HybridLog, key: bytes) -> bool:
    """True if the key shared a chain with `a` until it was on the device."""
    return log.chains.slot(key)[0] % 4 == log.chains.slot(b"a")[0] % 4


def test_keys_of_a_chain_part_where_the_index_grows_and_share_what_is_on_the_device() -> None:
    log = HybridLog("parting")
    for key in (b"a", b"b", b"c", b"d"):
        log.upsert(key, b"x")
    newest = {key: log.chains.find(key, 0) for key in (b"a", b"b", b"c", b"d")}
    assert len({log.chains.slot(key) for key in newest}) == 1
    assert [log.grow(), log.grow()] == [2, 4]
    assert len({log.chains.slot(key) for key in newest}) > 1
    assert {key: log.chains.find(key, 0) for key in newest} == newest
    assert log.chains.figures["buckets"] == 4
    for _ in range(4):
        log.open_page()
    assert log.grow() == 8
    assert [log.read(key)[1] for key in newest] == [b"x"] * 4
    assert log.chains.find(b"a", log.head) == max(newest[key] for key in newest if _is_beside(log, key))
    while grown := log.grow():
        assert grown == log.chains.buckets
    assert log.chains.figures["growths"] == log.chains.buckets.bit_length() - 1


def test_fold_freezes_all_and_begins_a_write_unit() -> None:
    log = HybridLog("tiny")
    log.upsert(b"a", bytes(8))
    assert log.fold() == log.tail == log.read_only == log.flushed == 512
    log.upsert(b"a", bytes(8))
    assert (log.counters["in_place"], log.counters["copied"], log.tail) == (0, 1, 512 + SMALL)
    assert log.truncate(log.tail) == FIRST_ADDRESS


def test_recovery_leaves_out_what_is_of_the_next_version() -> None:
    log = HybridLog("tiny")
    log.upsert(b"a", b"old")
    low = log.tail
    log.version += 1
    log.shifted_at = low
    log.upsert(b"a", b"new")
    end = log.fold()
    log.recover(FIRST_ADDRESS, low, end, 1)
    assert log.read(b"a")[1] == b"old"
    assert [record.value for _, record in log.chains.listed(log.begin, log.tail)] == [b"old"]
