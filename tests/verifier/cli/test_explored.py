"""`powercut try` and `powercut explore`: recorded, judged and told; the rest is refused in a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import msgspec
import pytest

from powercut.verifier.cli.explored import try_once
from powercut.verifier.programs.exploring import running
from powercut.verifier.programs.exploring.workload import Workload, WorkloadError
from powercut.verifier.programs.reading.syscalls import why_not

Called = Callable[..., CompletedProcess[bytes]]

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")

PYTHON = f"{sys.executable} -S -E"
APP = """
import os, sys
what, root, *rest = sys.argv[1:]
path = root + "/f"
if what == "get":
    print(open(path).read())
else:
    with open(path + ".new", "w") as file:
        file.write(rest[0] * 9)
        file.flush()
        if what == "safe":
            os.fsync(file.fileno())
    os.rename(path + ".new", path)
    if what == "safe":
        os.fsync(os.open(root, os.O_RDONLY))
    print("ok", rest[0], flush=True)
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A folder with a program in it."""
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    (tmp_path / "readers.py").write_text("def value(root):\n    return open(root + '/f').read()\n")
    return tmp_path


def steps(how: str, *values: str) -> tuple[str, ...]:
    """The options of steps that put values."""
    start = ("--init", f"{PYTHON} app.py safe {{root}} 0")
    return (*start, *(word for v in values for word in ("--write", f"{PYTHON} app.py {how} {{root}} {v}")))


READ = ("--read", f"{PYTHON} app.py get {{root}}", "-j", "1")


def test_a_program_that_syncs_is_consistent(called: Called, app: Path) -> None:
    done = called("try", *steps("safe", "1", "2"), *READ, folder=app)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(b"consistent: no crash state is wrong\nlaw posix: ")


def test_a_program_that_does_not_is_told_with_what_mends_it(called: Called, app: Path) -> None:
    done = called("try", *steps("bare", "1"), *READ, "-o", "kept.trace", "--html", "out.html", folder=app)
    assert done.returncode == 1
    text = done.stdout.decode()
    assert f"<h1>{text.splitlines()[0]}</h1>" in (app / "out.html").read_text()
    assert text.startswith("found: lost acknowledged (")
    assert "rename(" in text
    assert "LOST" in text
    assert "fsync of the folder . after rename of f.new to f" in text
    assert "fsync of f.new after write of f.new" in text
    assert "acknowledged and never synced:\n  f: 512 bytes in 1 sectors, its size, its name" in text
    again = called("explore", "kept.trace", *READ, "--law", "ext4", "--law", "strict", "--json", folder=app)
    assert again.returncode == 1
    reports = json.loads(again.stdout)
    assert [report["law"] for report in reports] == ["ext4", "strict"]
    assert {kind["verdict"] for kind in reports[0]["kinds"]} == {"lost acknowledged", "mixed"}
    assert {kind["verdict"] for kind in reports[1]["kinds"]} == {"lost acknowledged"}


def test_a_reader_is_a_function(called: Called, app: Path) -> None:
    done = called("try", *steps("safe", "1"), "--read", "readers:value", folder=app)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_program_goes_on_after_a_recovery(called: Called, app: Path) -> None:
    after = ("--after", f"{PYTHON} app.py bare {{root}} 3")
    done = called("try", *steps("safe", "1"), *READ, *after, folder=app)
    assert done.returncode == 1, done.stdout + done.stderr
    assert b"\nafter a first power cut: event 0" in done.stdout
    assert b"note: second eras: after 2 of 2 states whose readings differ" in done.stdout


def workload(app: Path, how: str, *known: str) -> str:
    """A file that says the same."""
    lines = [
        f'init = ["{PYTHON} app.py safe {{root}} 0"]',
        f'steps = ["{PYTHON} app.py {how} {{root}} 1"]',
        f'read = "{PYTHON} app.py get {{root}}"',
        'ack = "^ok"',
    ]
    lines += [f'[[known]]\nverdict = "{each}"\nreason = "so it is"' for each in known]
    (app / "workload.toml").write_text("\n".join(lines), encoding="utf-8")
    return "workload.toml"


def test_known_findings_fail_nothing_and_must_occur(called: Called, app: Path) -> None:
    bare = workload(app, "bare", "lost acknowledged", "mixed")
    assert called("try", "--workload", bare, folder=app).returncode == 0
    gone = called("try", "--workload", workload(app, "safe", "mixed"), folder=app)
    assert gone.returncode == 1
    assert b"known, and did not occur: mixed: so it is" in gone.stdout
    one = called("try", "--workload", workload(app, "bare", "mixed"), folder=app)
    assert one.returncode == 1
    assert one.stdout.startswith(b"found: lost acknowledged (")


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"law": ["ext4"]}, "laws", ["ext4"]),
        ({"ack": "x"}, "ack", "x"),
        ({"ack": ""}, "ack", ""),
        ({"after": "a"}, "after", "a"),
        ({"check": "c"}, "check", "c"),
        ({"ignore": ["i"]}, "ignore", ["i"]),
        ({"is_between": True}, "atomic", False),
        ({"limit": 3}, "limit", 3),
        ({"sector": 4096}, "sector", 4096),
    ],
)
def test_an_option_stands_in_the_place_of_what_the_file_says(
    app: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], field: str, value: object
) -> None:
    seen: list[Workload] = []

    def record_workload(asked: Workload, record: object) -> None:
        seen.append(asked)
        raise WorkloadError("enough")

    monkeypatch.setattr(running, "record_workload", record_workload)
    path = app / workload(app, "safe")
    for options in ({}, given):
        with pytest.raises(WorkloadError, match="enough"):
            try_once(workload=path, **options)
    said, changed = seen
    assert getattr(said, field) != value
    assert msgspec.structs.replace(said, **{field: value}) == changed


def test_what_is_ignored_is_not_judged(called: Called, app: Path) -> None:
    done = called("try", *steps("bare", "1"), *READ, "--ignore", "f*", folder=app)
    assert done.returncode == 3
    assert b"nothing happened below" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("try",), 2, b"--write and --read are needed"),
        (("try", "--write", "true"), 2, b"--write and --read are needed"),
        (("try", "--write", "true", "--read", "true", "--law", "none"), 2, b"no law 'none'"),
        (("try", "--write", "true", "--read", "true", "--sector", "3"), 2, b"sector: 3 bytes is no sector"),
        (("try", "--write", "true", "--read", " "), 2, b"a command is expected"),
        (("try", "--write", "true", "--read", "cat 'f"), 2, b"is no command"),
        (("try", "--write", "true", "--read", "cat", "--ack", "("), 2, b"is no pattern"),
        (("try", "--root", "new", "--write", "true", "--read", "ls new"), 3, b"nothing happened below"),
        (
            ("try", "--root", "new", "--write", "./no 1", "--read", "ls new"),
            2,
            b"'./no 1': no such command: ./no",
        ),
        (("try", "--root", "new", "--write", "touch new/f", "--read", "./no"), 2, b"no such command: ./no"),
        (("try", "--write", "touch g", "--read", "app:no"), 3, b"ends with status 1 at every point"),
        (("try", "--write", "touch g", "--read", "ls", "--check", "no-such"), 2, b"no such command: no-such"),
        (("try", "--write", "touch g", "--read", "ls", "--after", "no-such"), 2, b"no such command: no-such"),
        (("try", "--root", "new", "--init", "false", "--write", "true", "--read", "ls"), 2, b"status 1"),
        (("try", "--workload", "nowhere.toml"), 2, b"No such file"),
        (("try", "--workload", "bad.toml"), 2, b"unknown field `raed`"),
        (("try", "--workload", "torn.toml"), 2, b"torn.toml"),
        (("try", "--workload", "torn.toml", "--read", "cat"), 2, b"and --read stands in it"),
        (("try", "--workload", "torn.toml", "--init", "true"), 2, b"and --init stands in it"),
        (("try", "--workload", "torn.toml", "--root", "data"), 2, b"and --root stands in it"),
        (("try", "--workload", "verdict.toml"), 2, b"no verdict 'bad'"),
        (("explore", "app.py", "--read", "true"), 2, b"no recording"),
        (("explore", "nowhere", "--read", "true"), 2, b"No such file"),
        (("explore", "", "--read", "true"), 2, b"a path is expected"),
        (("explore", "app.py", "--read", "true", "--html", "no/p.html"), 2, b"no file can be written there"),
    ],
)
def test_a_refusal_is_one_line(
    called: Called, app: Path, arguments: tuple[str, ...], code: int, told: bytes
) -> None:
    (app / "bad.toml").write_text('raed = "x"')
    (app / "torn.toml").write_text("read = ")
    (app / "verdict.toml").write_text('read = "x"\n[[known]]\nverdict = "bad"\nreason = "r"')
    done = called(*arguments, folder=app)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert not done.stdout


def test_a_reader_that_answers_by_chance_is_refused(called: Called, app: Path) -> None:
    read = ("--read", f"{PYTHON} -c 'import os; print(os.urandom(9))'")
    done = called("try", *steps("safe", "1"), *read, folder=app)
    assert done.returncode == 2
    assert b"two answers on one content" in done.stderr
