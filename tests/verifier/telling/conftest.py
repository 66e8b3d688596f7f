"""A tape that shows a lost write, with its page; and a real browser without a window, over a pipe.

The browser speaks the protocol that browsers of this family are debugged with; no port is opened, and nothing
is installed for it. Where there is no such browser, what asks for the fixture `browser` is skipped.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from powercut.faultfs import FaultDevice
from powercut.verifier.faster.geometries import GEOMETRIES
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.finders.crashes import search_tape
from powercut.verifier.programs.exploring.report import Kind as Finding
from powercut.verifier.programs.exploring.report import Report
from powercut.verifier.programs.exploring.story import Story, Told
from powercut.verifier.reducing.mend import Mend, mend
from powercut.verifier.runs.play import play
from powercut.verifier.runs.run import Run
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape
from powercut.verifier.telling.html import page_of

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
    *("--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage"),
    *("--hide-scrollbars", "--remote-debugging-pipe", "--no-proxy-server", "--host-rules=MAP * ~NOTFOUND"),
)
_SCREEN = {"deviceScaleFactor": 1, "mobile": False}
COMPLAINTS = {"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"}


def find_browser() -> str | None:
    """The path of a browser, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    """One page in one browser."""

    def __init__(self, to: int, of: int) -> None:
        self._to, self._of = to, of
        self._number, self._rest, self._session = 0, b"", ""
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command, and wait for its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = os.read(self._of, 1 << 16)
            assert data, "the browser has gone"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def open(self, path: Path, width: int, *, is_dark: bool = False, has_scripts: bool = True) -> None:
        """Load a file at this width, and wait until it is there."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        self.ask("Emulation.setEmulatedMedia", features=scheme)
        self.ask("Emulation.setScriptExecutionDisabled", value=not has_scripts)
        self.events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def run(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """A key that goes down and up."""
        code = {"Tab": 9, "ArrowDown": 40, "ArrowUp": 38, "Escape": 27}.get(key, 0)
        for kind in ("rawKeyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)

    def complaints(self) -> list[dict[str, Any]]:
        """Errors, and anything else that was said on the console."""
        return [event for event in self.events if event.get("method") in COMPLAINTS]

    def requests(self) -> list[str]:
        """The addresses of all that was asked for."""
        sent = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def picture(self, path: Path) -> None:
        """The whole page as PNG."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browsing(browser: str, profile: Path) -> Iterator[Page]:
    """A browser with one page; it ends with the block."""
    commands_in, commands_out = os.pipe()
    answers_in, answers_out = os.pipe()
    # It reads commands from descriptor 3, and answers on 4.
    child = f'exec "$0" "$@" 3<&{commands_in} 4>&{answers_out}'
    with (profile / "said").open("wb") as said:
        process = subprocess.Popen(
            ["bash", "-c", child, browser, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(commands_in, answers_out),
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
    os.close(commands_in)
    os.close(answers_out)
    try:
        yield Page(commands_out, answers_in)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # It and all that it has started.
        process.wait(30)
        os.close(commands_out)
        os.close(answers_in)


_STORY = (
    Told(-1, "step 1 begins", "told", at=0),
    Told(0, "openat(data/<new>)", at=1, places=("./",)),
    Told(1, "out: 'ok'", "told", at=2),
    Told(0, "write(data/<new>, 10 bytes, at 0)", "in part", at=3, places=("<new>",)),
    Told(0, "rename(data/<new>, data/f)", "lost", "app.py:3 save", 4, ("./", "sub/")),
    Told(-1, "fsync of the folder . after rename of <new> to f", "mend", places=("./",)),
    Told(0, "sync()", "sync", at=5, places=("*",), is_needless=True),
    Told(-1, "step 1 has ended: acknowledged", "acknowledged", at=6),
    Told(-1, "the power is cut: 7 of 7 events were issued", "cut", at=7),
)
_MANY = [Told(0, f"write(data/file-{at})", "lost", at=at, places=(f"file-{at}",)) for at in range(20)]


@pytest.fixture(scope="module")
def report() -> Report:
    """A report of a program, with two stories, one of many files; it has all that a report can say."""
    finding = Finding(
        verdict="lost acknowledged",
        states=4,
        index=7,
        survivors=[0, 1],
        law="ext4",
        lost=["name f: the file it was before"],
        story=Story(list(_STORY), [_STORY[0]], 5, ["0: ./app put", "1: ./app beside"]),
        expected=["exit 0, '1'   (step 1)"],
        read="exit 0, '0'",
        again="exit 1, ''",
        error="an error",
        older="before the first step",
        real="real disks: ext4",
    )
    return Report(
        law="posix",
        root="/data",
        steps=1,
        points=2,
        events=7,
        states=9,
        judged=12,
        read=6,
        completeness="exhaustive",
        notes=["a note"],
        kinds=[finding, msgspec.structs.replace(finding, story=Story(_MANY, [], 0, ["0: ./app"]))],
        mend=["fsync of the folder . after rename of <new> to f"],
        mend_searches=2,
        mend_is_bounded=False,
        needless=["fsync of f"],
        syncs=3,
        unsynced=["f: its name"],
        known=["mixed: so it is"],
        gone=["hangs: so it was"],
    )


class Shown(NamedTuple):
    """A tape that shows a lost write, its run, its mend, and its page."""

    tape: Tape
    run: Run
    mend: Mend
    page: str


class _Deaf:
    """A device to which the syncs of segments do not come."""

    def __init__(self, device: FaultDevice) -> None:
        object.__setattr__(self, "_device", device)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._device, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._device, name, value)

    def sync(self, name: str) -> None:
        if not name.startswith("segment"):
            self._device.sync(name)


_PROGRAM = (Operation(), Operation(Kind.UPSERT, 1, 1), Operation(Kind.CHECKPOINT), Operation(Kind.READ))


def _make_store(device: FaultDevice) -> FasterSubject:
    seen: Any = _Deaf(device)
    return FasterSubject(seen, GEOMETRIES["tiny"], SteppedRuntime())


@pytest.fixture(scope="module")
def shown() -> Shown:
    """A lost write, found and shown."""
    _, finding = search_tape(Tape((Era(_PROGRAM),)), make_store=_make_store)
    assert finding is not None
    run, mended = play(finding.tape, _make_store), mend(finding.tape, _make_store)
    return Shown(
        finding.tape, run, mended, page_of(finding.tape, run, _make_store, mend=mended, path="a.json")
    )


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page in a browser, or a skipped test."""
    found = find_browser()
    if found is None:
        pytest.skip("no browser of the Chromium family is there")
    with ExitStack() as held:
        profile = tmp_path_factory.mktemp("browser")
        try:
            opened = held.enter_context(browsing(found, profile))
        except (AssertionError, OSError):
            said = (profile / "said").read_text(errors="replace").splitlines()
            pytest.skip(f"the browser that is there does not start: {said[-1:]}")
        yield opened
