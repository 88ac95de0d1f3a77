"""Broken files of every kind end in a ValueError or an OSError that names the file, never in anything else.

`make fuzz` runs many more rounds; seeds are fixed, so that what fails fails again.
"""

import faulthandler
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

_spec = importlib.util.spec_from_file_location("fuzz_kinds", Path(__file__).with_name("kinds.py"))
assert _spec is not None and _spec.loader is not None
kinds = importlib.util.module_from_spec(_spec)
sys.modules["fuzz_kinds"] = kinds
_spec.loader.exec_module(kinds)

ROUNDS = int(os.environ.get("HOURLIFT_FUZZ_ROUNDS", "40"))
MAX_SECONDS, MAX_BYTES = 60, 3 << 30  # of one round; what this process may grow by


def peak_bytes() -> int:
    """The most memory that this process has had; 0 where nobody tells."""
    try:
        import resource
    except ModuleNotFoundError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.fixture
def quiet() -> Iterator[None]:
    av.logging.set_level(None)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numbers of broken files overflow
        yield
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize("name", kinds.KINDS)
def test_broken_files_are_refused_or_read(name: str, quiet: None, tmp_path: Path) -> None:
    kind = kinds.KINDS[name]
    folder = tmp_path / "files"
    folder.mkdir()
    kind.write(folder)
    path = folder / kind.file
    whole = path.read_bytes()
    kind.read(path)
    before = peak_bytes()
    for seed in range(max(ROUNDS // kind.cost, 2)):
        path.write_bytes(kinds.broken(whole, np.random.default_rng(seed)))
        faulthandler.dump_traceback_later(MAX_SECONDS, exit=True)  # a reader that does not come back
        try:
            kind.read(path)
        except (ValueError, OSError) as error:
            told = f"{error} {getattr(error, 'filename', '')}"
            assert str(folder) in told or path.stem in told, f"seed {seed}: {told} does not name the file"
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
    grown = peak_bytes() - before
    assert grown < MAX_BYTES, f"{grown >> 20} MiB"
