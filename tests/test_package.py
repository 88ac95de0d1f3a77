"""What the base install promises: it is light, and it is all there."""

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import hourlift

BASE_PACKAGES = {"numpy", "onnxruntime", "cv2", "av", "tyro", "rich"}  # pyproject.toml's dependencies, as imported

# Files that import the package of an extra, which must not happen before a user asks for what it does.
EXTRAS = {
    "pose.py": {"pandas", "mpl_toolkits"},  # the latter for type checkers
    "angle_plot.py": {"matplotlib"},
    "c3d.py": {"ezc3d"},
    "identity.py": {"scipy"},
    "limb_fit.py": {"scipy"},
    "parquet.py": {"pyarrow"},
    "rerun_log.py": {"rerun"},
    "runtime.py": {"openvino"},
    "skeleton_plot.py": {"matplotlib", "mpl_toolkits"},
}

TORCH_FREE = [
    "hourlift",
    "hourlift.__main__",
    "hourlift.cli",
    "hourlift.cli.predict",
    "hourlift.cli.convert",
    "hourlift.cli.demo",
    "hourlift.cli.live",
    "hourlift.cli.serve",
    "hourlift.cli.web_app",
    "hourlift.geometry",
    "hourlift.pose",
    "hourlift.metrics",
    "hourlift.formats",
    "hourlift.media",
    "hourlift.pipeline",
    "hourlift.predict",
    "hourlift.view",
    "hourlift.weights",
    "hourlift.hourglass.heatmap",
    "hourlift.lifter.normalize",
]


@pytest.mark.parametrize("module", TORCH_FREE)
def test_importing_it_does_not_load_torch(module: str):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr or f"{module} loads torch"


@pytest.mark.parametrize("module", TORCH_FREE)
def test_it_imports_nothing_beyond_the_base_dependencies(module: str):
    """Tests run with every extra installed; this finds what a base install would miss, lazy imports included."""
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin)
    is_whole_package = path.name == "__init__.py" and module not in ("hourlift", "hourlift.cli")
    files = path.parent.rglob("*.py") if is_whole_package else [path]
    for file in files:
        foreign = _imported_packages(file) - set(sys.stdlib_module_names) - {"hourlift"}
        assert foreign - EXTRAS.get(file.name, set()) <= BASE_PACKAGES, file


def test_extras_are_imported_when_they_are_needed():
    modules = "hourlift.formats.c3d, hourlift.cli.predict, hourlift.view.angle_plot, hourlift.view.rerun_log"
    code = f"import sys, {modules}; print({{'ezc3d', 'matplotlib', 'rerun'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "set()", done.stderr


def test_one_person_is_followed_without_the_packages_of_extras():
    code = "import sys, hourlift; hourlift.PosePredictor(threads=1).follow(); print('scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "False", done.stderr


def test_every_public_name_loads():
    assert all(getattr(hourlift, name) is not None for name in hourlift.__all__)
    assert {"PosePredictor", "Pose", "PoseSequence", "Camera", "H36M17"} <= set(hourlift.__all__)


def _imported_packages(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module or "")
    return {name.split(".")[0] for name in names}
