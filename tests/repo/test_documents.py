"""Documents are true of the tree, and the tree holds nothing that has no place in it.

Invariants
    1  every path that a document names, in a link, in backticks or in a block of commands, exists
    2  every anchor of a link is a heading of the document that it points into
    3  the commands that ci/run.sh runs stand in README.md, word for word
    4  no file holds a word of BANNED
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

FOLDERS = ("engine", "faultfs", "verifier", "powercut", "tests", "bench", "ci", "docs", "findings", ".ci")
SUFFIXES = (".py", ".md", ".toml", ".ini", ".sh", ".yml")
SOURCES = (*SUFFIXES, ".json", ".cfg", ".txt")
UNSUFFIXED = ("LICENSE", ".gitignore", ".python-version")

FENCE = re.compile(r"^ *(```+|~~~+)([^\n]*)\n(.*?)^ *\1 *$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]\n]*\]\(([^()\s]+)\)")
# A path of ours inside a command: a folder of ours, a slash, and what follows.
NAMED = re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./*<>-]*")
WILD = re.compile(r"[*<>{}]|\.\.\.|…")

# Written in pieces: this file is read as well.
BANNED = (
    *("TO" + "DO", "FIX" + "ME", "X" + "XX", "LL" + "M", "Chat" + "GPT", "Cla" + "ude", "Co" + "pilot"),
    *("assis" + "tant", "mile" + "stone", "context " + "window"),
    *("/ho" + "me/", "/ro" + "ot/", "/wo" + "rk/", "/Us" + "ers/", "/t" + "mp/"),
    *("py" + "pi.org", "python" + "hosted", "crates" + ".io", "npm" + "js"),
)
BANNED_WORD = re.compile(
    "|".join(rf"(?<!\w){re.escape(word)}(?!\w)" if word[0] != "/" else re.escape(word) for word in BANNED),
    re.IGNORECASE,
)
# Commands of ci/run.sh that are the README's; `readme` is the function there that announces and runs one.
README_COMMAND = re.compile(r"^ *readme '([^']+)'", re.MULTILINE)


def documents_of(root: Path) -> list[Path]:
    return sorted([*root.glob("*.md"), *(path for name in FOLDERS for path in (root / name).rglob("*.md"))])


def paths_in(text: str) -> Iterator[tuple[str, bool]]:
    """(path, is a link target) of everything in a document that names a path of the tree."""
    for _, language, body in FENCE.findall(text):
        if language.strip() in ("sh", "bash", "console", "shell"):
            yield from ((path, False) for path in NAMED.findall(body))
    prose = FENCE.sub("", text)
    for target in LINK.findall(prose):
        if "://" not in target and not target.startswith("mailto:"):
            yield target, True
    for span in CODE.findall(prose):
        if " " in span:
            yield from ((path, False) for path in NAMED.findall(span))
        elif ("/" in span and span.split("/")[0] in FOLDERS) or (
            span.endswith(SUFFIXES) and not span.startswith(("-", "/", "*", "."))
        ):
            yield span, False


def anchors_of(text: str) -> set[str]:
    """The anchors that a forge gives to the headings of a document."""
    anchors: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *#*$", FENCE.sub("", text), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        repeat = sum(slug == known or known.startswith(f"{slug}-") for known in anchors)
        anchors.add(f"{slug}-{repeat}" if slug in anchors else slug)
    return anchors


def exists(root: Path, document: Path, path: str) -> bool:
    """True if `path`, as `document` writes it, is there; of a pattern, the folder that it searches."""
    wild = WILD.search(path)
    if wild is not None:
        path = path[: wild.start()].rpartition("/")[0]
    path = path.partition("::")[0].rstrip("./")
    if (root / path).exists() or (document.parent / path).exists():
        return True
    # Within its own section a module is named without its folder.
    return "/" not in path and any(next((root / name).rglob(path), None) for name in FOLDERS)


def document_faults(root: Path, document: Path) -> list[str]:
    """Every breach of invariants 1 and 2 in one document."""
    text = document.read_text(encoding="utf-8")
    where = document.relative_to(root)
    faults = []
    for path, is_link in dict.fromkeys(paths_in(text)):
        if not is_link:
            if not exists(root, document, path):
                faults.append(f"{where} names {path}, which does not exist")
            continue
        file, _, anchor = path.partition("#")
        target = (document.parent / file) if file else document
        if not target.exists():
            faults.append(f"{where} links to {path}, which does not exist")
        elif anchor and anchor not in anchors_of(target.read_text(encoding="utf-8")):
            faults.append(f"{where} links to {path}, which has no such heading")
    return faults


def banned_words(text: str) -> list[str]:
    """`line: word` of every banned word."""
    if BANNED_WORD.search(text) is None:
        return []  # As in nearly every file.
    return [
        f"{number}: {match[0]}"
        for number, line in enumerate(text.splitlines(), start=1)
        for match in BANNED_WORD.finditer(line)
    ]


def sources_of(root: Path) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        if path.is_file() and (path.suffix in SOURCES or path.name in UNSUFFIXED):
            yield path
    for name in FOLDERS:
        for path in sorted((root / name).rglob("*")):
            if (
                path.is_file()
                and (path.suffix in SOURCES or name == ".ci")
                and "__pycache__" not in path.parts
            ):
                yield path


def test_documents_name_only_what_exists(root: Path) -> None:
    documents = documents_of(root)
    assert root / "README.md" in documents
    faults = [fault for document in documents for fault in document_faults(root, document)]
    assert not faults, "\n".join(faults)


def test_readme_holds_the_commands_that_ci_runs(root: Path) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8").splitlines()
    commands = README_COMMAND.findall((root / "ci" / "run.sh").read_text(encoding="utf-8"))
    assert len(commands) == 2
    assert [command for command in commands if command not in map(str.strip, readme)] == []


def test_no_file_holds_a_banned_word(root: Path) -> None:
    faults = [
        f"{path.relative_to(root)}:{fault}"
        for path in sources_of(root)
        for fault in banned_words(path.read_text(encoding="utf-8"))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See `engine/absent.py`.", "names engine/absent.py"),
        ("See `absent.md`.", "names absent.md"),
        ("See `engine/absent/*.py`.", "names engine/absent/*.py"),
        ("See `python bench/absent.py --all`.", "names bench/absent.py"),
        ("```sh\nbash .ci/absent now\n```\n", "names .ci/absent"),
        ("See [there](engine/absent.py).", "links to engine/absent.py"),
        ("See [there](GUIDE.md#no-such-part).", "which has no such heading"),
    ],
)
def test_path_that_does_not_exist_is_named(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "engine").mkdir()
    document = tmp_path / "GUIDE.md"
    document.write_text(f"# Guide\n\n{text}\n", encoding="utf-8")
    (fault,) = document_faults(tmp_path, document)
    assert expected in fault


@pytest.mark.parametrize(
    "text",
    [
        "See `engine/log/index.py`, `index.py`, `engine/` and `engine/*.py`.",
        "See `engine/log/index.py::probe` and `tests/regressions/<name>.json`.",
        "See [the guide](GUIDE.md#the-guides-first-part-2) and [elsewhere](https://example.org/engine/absent.py).",
        "```sh\npython engine/log/index.py\n```\n",
        "```python\nopen('engine/absent.py')\n```\n",
        "Files such as `data/`, `gate.json` and `root.a` are made by a run.",
    ],
)
def test_path_that_exists_is_accepted(tmp_path: Path, text: str) -> None:
    (tmp_path / "engine" / "log").mkdir(parents=True)
    (tmp_path / "tests" / "regressions").mkdir(parents=True)
    (tmp_path / "engine" / "log" / "index.py").touch()
    document = tmp_path / "GUIDE.md"
    document.write_text(f"# The guide's first part, 2\n\n{text}\n", encoding="utf-8")
    assert document_faults(tmp_path, document) == []


@pytest.mark.parametrize("word", BANNED)
def test_banned_word_is_named(word: str) -> None:
    assert banned_words(f"fine\nhere is {word} again") == [f"2: {word}"]


def test_word_that_only_contains_a_banned_one_is_accepted() -> None:
    assert banned_words("todos" + "hiba and assis" + "tants") == []
