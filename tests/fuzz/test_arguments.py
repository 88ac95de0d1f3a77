"""Whatever is typed after a command, its parser ends with status 0 or 2 and a sentence, never with a traceback."""

import dataclasses
import importlib
import os
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hourlift.cli
from hourlift.cli import COMMANDS, main

pytest.importorskip("hypothesis")
from hypothesis import given, settings
from hypothesis import strategies as st

ROUNDS = int(os.environ.get("HOURLIFT_FUZZ_ROUNDS", "40")) // 4
NUMBERS = ["0", "-1", "nan", "inf", "-inf", "1e999", "10" * 20, "0x10", "1_000", "١", "3.5", "2"]
WORDS = ["", "-", "--", "=", "-o", "--help", "None", "true", "'", "a b", "\n", "\x1b[2J", "../x", "~", "*", "\udcff"]


class Parsed(BaseException):
    """The command would run now."""


def parts(name: str) -> Iterator[tuple[list[str], Any]]:
    """The words that begin each of a command's argument lists, and what declares its options."""
    command = importlib.import_module(COMMANDS[name].module).command
    for part in typing.get_args(command) or [command]:
        if typing.get_origin(part) is typing.Annotated:
            part, sub_command = typing.get_args(part)
            yield [name, sub_command.name], part
        else:
            yield [name], part


def argument_lists(part: Any) -> st.SearchStrategy[list[str]]:
    """A command's own options, with values of all kinds, and other words."""
    hints = typing.get_type_hints(part)
    for group in [kind for kind in hints.values() if dataclasses.is_dataclass(kind)]:
        hints |= typing.get_type_hints(group)
    flags = ["--" + option.replace("_", "-") for option in hints if option != "return"]
    value = st.sampled_from([*NUMBERS, *WORDS]) | st.text(max_size=8)
    flag = st.sampled_from([*flags, *(flag.replace("--", "--no-", 1) for flag in flags), "--nothing"])
    pair = (
        st.tuples(flag, value) | st.tuples(flag) | st.tuples(value) | st.builds(lambda f, v: (f"{f}={v}",), flag, value)
    )
    return st.lists(pair, max_size=6).map(lambda pairs: [word for pair in pairs for word in pair])


@pytest.mark.parametrize(
    ("words", "part"), [pytest.param(*each, id=" ".join(each[0])) for name in COMMANDS for each in parts(name)]
)
def test_arguments_of_all_kinds(
    words: list[str], part: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    check = hourlift.cli._check

    def checked_only(arguments: Any) -> None:
        check(arguments)
        raise Parsed

    @settings(max_examples=ROUNDS, derandomize=True, database=None, deadline=None)
    @given(argument_lists(part))
    def parse(arguments: list[str]) -> None:
        try:
            status: object = main([*words, *arguments])
        except SystemExit as leaving:
            status = leaving.code
        except Parsed:
            status = 0
        printed = capsys.readouterr().err
        assert status in (0, 2), arguments
        assert "Traceback" not in printed, arguments
        assert status == 0 or printed.strip(), arguments

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hourlift.cli, "_check", checked_only)
    parse()
    assert list(tmp_path.iterdir()) == []
