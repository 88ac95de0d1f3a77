"""Numbers that no command takes are refused in one line, before anything is read or written."""

import dataclasses
import importlib
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

from hourlift.cli import COMMANDS, main
from hourlift.cli.limits import LIMITS

REQUIRED = {
    "predict": ["photo.jpg"],
    "batch": ["photo.jpg", "-o", "out"],
    "convert": ["result.json", "out.csv"],
    "live": ["webcam:0"],
    "plot": ["result.json"],
    "train hourglass": ["--recipe", "fast", "-o", "out"],
    "train lifter": ["--recipe", "lifter", "-o", "out"],
    "train finder": ["--recipe", "finder", "-o", "out"],
    "gpu-run": ["-o", "out"],
    "predict-joints": ["data", "-o", "out.npz"],
    "synth": ["-o", "out"],
    "evaluate": ["data"],
    "analyse": ["data", "-o", "out"],
    "curves": ["run"],
    "data check": ["data"],
    "data convert": ["data", "-o", "out"],
    "submit": ["data", "-o", "out.csv"],
    "export": ["last.pt", "-o", "out.onnx"],
    "calibrate": ["model.onnx"],
    "quantise": ["model.onnx"],
}


def options_of(part: object) -> Iterator[tuple[str, type]]:
    """A command's options and their types, those of its groups too."""
    for option, kind in typing.get_type_hints(part).items():
        if dataclasses.is_dataclass(kind):
            yield from options_of(kind)
        elif option != "return":
            yield option, kind


def numeric_options() -> Iterator[tuple[str, str, type]]:
    """Every command, its options that are one number, and int or float."""
    for name, described in COMMANDS.items():
        command = importlib.import_module(described.module).command
        for part in typing.get_args(command) or [command]:
            words = name
            if typing.get_origin(part) is typing.Annotated:
                part, sub_command = typing.get_args(part)
                words = f"{name} {sub_command.name}"
            for option, kind in options_of(part):
                numbers = {int, float} & {kind, *typing.get_args(kind)}
                if numbers:
                    yield words, option, numbers.pop()


@pytest.mark.parametrize(
    ("words", "option", "kind"), [pytest.param(*each, id=" ".join(each[:2])) for each in numeric_options()]
)
def test_every_number_has_limits(
    words: str,
    option: str,
    kind: type,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    limit = LIMITS[option]
    bad = [
        str(value)
        for value in (limit.low - 1, limit.high + 1, 10**30, -(10**30))
        if not limit.low <= value <= limit.high
    ]
    if kind is float:
        bad += ["nan", "inf", "-inf"]
    flag = "--" + option.replace("_", "-")
    for value in bad:
        assert main([*words.split(), *REQUIRED.get(words, []), flag, value]) == 2
        printed = capsys.readouterr().err
        assert printed.startswith(f"hourlift: {flag} must be ")
        assert printed.count("\n") == 1
        assert list(tmp_path.iterdir()) == []


def test_limits_themselves_are_allowed() -> None:
    assert LIMITS["port"].complaint(0) is LIMITS["port"].complaint(65535) is None
    assert LIMITS["fov"].complaint(0) == "must be above 0"
    assert LIMITS["fov"].complaint(180) == "must be below 180"
    assert LIMITS["fov"].complaint(179.9) is None
