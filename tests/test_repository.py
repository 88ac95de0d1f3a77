"""The small scripts that guard the repository."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_large_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = load("check_sizes")
    monkeypatch.setattr(sizes, "ROOT", tmp_path)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for name, size in {"film.mp4": 600_000, "src/hourlift/weights/a.onnx": 600_000, "notes.md": 10}.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(size))
    assert sizes.main() == 0, "nothing is tracked yet"
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    assert sizes.main() == 1
    assert capsys.readouterr().err == "film.mp4: 0.6 MB, at most 0.5 MB\n"


def test_the_image_of_the_layers_has_every_package() -> None:
    drawn = load("draw_layers").drawing()
    packages = [path.parent.name for path in (ROOT / "src/hourlift").glob("*/__init__.py")]
    assert packages and all(f">{name}</text>" in drawn for name in packages)
    done = subprocess.run([sys.executable, ROOT / "tools/draw_layers.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
