"""Where the compact body is kept; what it is made of is tested through `Body`."""

import sys
from pathlib import Path

import numpy as np
import pytest

from hourlift.synth.body import cache


def test_it_is_built_once_and_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []

    def build() -> dict[str, np.ndarray]:
        built.append(1)
        return {"mean": np.arange(6.0).reshape(2, 3)}

    monkeypatch.setenv("HOURLIFT_CACHE", str(tmp_path / "new" / "cache"))
    monkeypatch.setattr(cache, "build_body_arrays", build)
    for _ in range(2):
        np.testing.assert_array_equal(cache.load_body_arrays()["mean"], [[0, 1, 2], [3, 4, 5]])
    assert built == [1]
    assert list((tmp_path / "new" / "cache").iterdir()) == [cache.cache_path()]


def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOURLIFT_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache.cache_path().parent == Path.home() / ".cache" / "hourlift"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_path().parent == tmp_path / "hourlift"
    monkeypatch.setenv("HOURLIFT_CACHE", str(tmp_path / "ours"))
    assert cache.cache_path().parent == tmp_path / "ours"


def test_a_missing_anny_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anny", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'hourlift\[synth\]'") as caught:
        cache.build_body_arrays()
    assert caught.value.name == "anny"
