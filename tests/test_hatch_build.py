"""The build hook that puts the page into wheels, with a fake npm; hatchling itself is not needed."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

HOOK = Path(__file__).parents[1] / "hatch_build.py"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="the fake npm is a shell script")


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    name = "hatchling.builders.hooks.plugin.interface"
    interface = ModuleType(name)
    interface.BuildHookInterface = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, interface)
    for i in range(1, name.count(".") + 1):
        monkeypatch.setitem(sys.modules, name.rsplit(".", i)[0], ModuleType("package"))
    spec = importlib.util.spec_from_file_location("hatch_build", HOOK)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source tree without a page, on a machine without npm."""
    (tmp_path / "tree" / "web").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("HOURLIFT_WITHOUT_PAGE", raising=False)
    return tmp_path / "tree"


def install_npm(tree: Path, status: int = 0) -> Path:
    """A fake npm that logs what it is asked, in the folder where it is asked."""
    npm = tree.parent / "bin" / "npm"
    npm.write_text(f'#!/bin/sh\necho "$1" >> log\nexit {status}\n')
    npm.chmod(0o755)
    return tree / "web" / "log"


def test_a_page_that_is_there_is_taken(hook: ModuleType, tree: Path) -> None:
    log = install_npm(tree)
    (tree / hook.PAGE).parent.mkdir(parents=True)
    (tree / hook.PAGE).touch()
    hook.ensure_page(tree)
    assert not log.exists()


def test_npm_builds_a_missing_page(hook: ModuleType, tree: Path) -> None:
    log = install_npm(tree)
    hook.ensure_page(tree)
    assert log.read_text().split() == ["ci", "run"]


def test_without_npm_the_remedy_is_one_line(hook: ModuleType, tree: Path) -> None:
    with pytest.raises(SystemExit, match=r"install Node.js 20.19 .*HOURLIFT_WITHOUT_PAGE=1") as stop:
        hook.ensure_page(tree)
    assert "\n" not in str(stop.value)


def test_an_npm_that_fails_stops_the_build(hook: ModuleType, tree: Path) -> None:
    log = install_npm(tree, status=1)
    with pytest.raises(SystemExit, match="`npm ci` cannot build the page"):
        hook.ensure_page(tree)
    assert log.read_text().split() == ["ci"]


def test_the_environment_allows_a_wheel_without_the_page(
    hook: ModuleType, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hook.WITHOUT_PAGE, "1")
    hook.ensure_page(tree)


def test_an_editable_installation_needs_no_page(hook: ModuleType, tree: Path) -> None:
    build = SimpleNamespace(root=str(tree))
    hook.PageHook.initialize(build, "editable", {})
    with pytest.raises(SystemExit):
        hook.PageHook.initialize(build, "standard", {})
