"""Words that hourlift's English avoids, in docstrings, comments and strings of code, and in the documentation."""

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

AVOIDED = {
    r"nobody": "no person, none",
    r"somebody|anybody": "a person",
    r"everybody": "all people",
    r"whoever": "the user, the caller, a person who",
    r"told apart": "distinguished, kept apart",
    r"films?": "video",
    r"pictures?": "image",
    r"stature": "height",
}
"""Patterns of whole words, in any case, and what to write instead."""

ALLOWED = re.compile(
    r"""
    (?<![\w.`])--stature\b      # the former name of --height, which is still accepted
    | \bstature_(mm|m|cm)\b     # keys of shards
    | "stature"                 # a key
    | FocalLengthIn35mmFilm     # EXIF's tag
    | `[^`\n]*`                 # code: names of functions, options and files
    | \w+://[^\s)>\]]+          # URLs
    | \]\([^)\s]*\)             # targets of links
    """,
    re.VERBOSE,
)
"""Names and file formats."""

_AVOIDED = re.compile(rf"\b({'|'.join(AVOIDED)})\b", re.IGNORECASE)
_PROSE = {
    tokenize.COMMENT,
    tokenize.STRING,
    *(getattr(tokenize, name) for name in ("FSTRING_MIDDLE",) if hasattr(tokenize, name)),
}


def prose_of_code(file: Path) -> Iterator[tuple[int, str]]:
    """Line number and text of each line of a comment, docstring or other string."""
    with tokenize.open(file) as stream:
        for token in tokenize.generate_tokens(stream.readline):
            if token.type in _PROSE:
                yield from enumerate(token.string.splitlines(), token.start[0])


def prose_of_page(file: Path) -> Iterator[tuple[int, str]]:
    """Line number and text of each line of a page that is not in a block of code."""
    in_code = False
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code and not line.startswith("    "):
            yield number, line


def avoided_words(text: str) -> list[str]:
    """The avoided words of a line, without those in names."""
    return [match.group().lower() for match in _AVOIDED.finditer(ALLOWED.sub(" ", text))]


def found_in(files: list[Path]) -> list[str]:
    """File, line and word of everything to be changed."""
    return [
        f"{file.relative_to(ROOT)}:{number}: {word}"
        for file in files
        for number, line in (prose_of_code(file) if file.suffix == ".py" else prose_of_page(file))
        for word in avoided_words(line)
    ]


PACKAGES = sorted(path.name for path in (ROOT / "src/hourlift").iterdir() if any(path.glob("**/*.py")))


@pytest.mark.parametrize("package", [*PACKAGES, "."])
def test_code_avoids_them(package: str) -> None:
    folder = ROOT / "src/hourlift" / package
    files = sorted(folder.glob("*.py" if package == "." else "**/*.py"))
    assert files and found_in(files) == []


def test_documentation_avoids_them() -> None:
    decisions = ROOT / "docs/decisions"
    files = [file for file in sorted((ROOT / "docs").glob("**/*.md")) if decisions not in file.parents]
    assert files and found_in(files) == []


@pytest.mark.parametrize("folder", ["benchmarks", "examples"])
def test_scripts_avoid_them(folder: str) -> None:
    files = [path for suffix in ("py", "md") for path in sorted((ROOT / folder).glob(f"**/*.{suffix}"))]
    assert files and found_in(files) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Nobody is there, and FILMS are not read.", ["nobody", "films"]),
        ("left and right are told apart", ["told apart"]),
        ("see `somebody` and --stature, and stature_mm of https://example.org/film", []),
        ("the stature of a person", ["stature"]),
        ("filmed", []),
    ],
)
def test_words_and_names(line: str, words: list[str]) -> None:
    assert avoided_words(line) == words
