"""The numbers that the page's TypeScript is held to are those that the package gives today."""

import importlib.util
import json
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "web" / "tests" / "write_vectors.py"
SECTIONS = sorted(file.stem for file in SCRIPT.with_name("vectors").glob("*.json"))


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_vectors", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_section_has_its_file(script: ModuleType) -> None:
    assert sorted(section.__name__ for section in script.SECTIONS) == SECTIONS


@pytest.mark.parametrize("name", SECTIONS)
def test_the_package_still_gives_these_numbers(script: ModuleType, name: str) -> None:
    committed = json.loads((SCRIPT.with_name("vectors") / f"{name}.json").read_text())
    section = next(section for section in script.SECTIONS if section.__name__ == name)
    differences = list(compare(json.loads(json.dumps(script.plain(section()))), committed))
    assert not differences, f"run {SCRIPT.name} and bring the TypeScript up to date: {differences[:3]}"


def compare(now: Any, then: Any, where: str = "") -> Any:
    """Where two trees of plain values differ by more than rounding."""
    if isinstance(now, dict) and isinstance(then, dict):
        for key in now.keys() | then.keys():
            yield from compare(now.get(key), then.get(key), f"{where}.{key}")
    elif isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        for i, (a, b) in enumerate(zip(now, then, strict=True)):
            yield from compare(a, b, f"{where}[{i}]")
    elif isinstance(now, (int, float)) and isinstance(then, (int, float)):
        if not math.isclose(now, then, rel_tol=1e-6, abs_tol=1e-6):
            yield f"{where}: {now} was {then}"
    elif now != then:
        yield f"{where}: {str(now)[:60]} was {str(then)[:60]}"
