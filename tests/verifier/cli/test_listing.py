"""Listings that play nothing: the bank of planted bugs, and the files of a store."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec

from powercut.engine import FasterKv
from powercut.verifier.mutants.bank import BANK

Called = Callable[..., "subprocess.CompletedProcess[bytes]"]


def test_bank_of_planted_bugs_is_listed_and_nothing_is_hunted(command: Called) -> None:
    done = command("mutants", "--list")
    assert (done.returncode, done.stderr) == (0, b"")
    head, *rows = done.stdout.decode().splitlines()
    assert head.split() == ["name", "stage", "oracle", "kind", "ancestor"]
    assert [row.split()[:4] for row in rows] == [
        [each.name, each.search, each.oracle, each.breach] for each in BANK
    ]
    assert all(row.endswith(f"  {each.ancestor}") for row, each in zip(rows, BANK, strict=True))
    told = msgspec.json.decode(command("mutants", "--list", "--json").stdout)
    assert told["exit"] == 0
    assert [(each["name"], each["stage"], each["oracle"], each["kind"]) for each in told["mutants"]] == [
        (each.name, each.search, each.oracle, each.breach) for each in BANK
    ]
    assert [each["ancestor"] for each in told["mutants"]] == [each.ancestor for each in BANK]
    some = msgspec.json.decode(command("mutants", "--list", "--json", "--only", BANK[1].name).stdout)
    assert [each["name"] for each in some["mutants"]] == [BANK[1].name]
    assert command("mutants", "--list", "--only", "no-such-bug").returncode == 2


def test_store_with_a_damaged_root_is_not_called_sound_without_a_word(
    command: Called, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    FasterKv.open(store, create=True, memory=1 << 23).close()
    assert command("inspect", str(store)).stdout.endswith(b"\nsound\n")
    (store / "root-b").write_bytes(b"")
    done = command("inspect", str(store))
    assert done.returncode == 0
    assert b"sound, but for 1 of 3 roots (root-b)" in done.stdout.splitlines()[-1]
