"""Broken files of every kind end in a UserError or an OSError that names the file, never in anything else.

`make fuzz` runs many more rounds; seeds are fixed, so that what fails fails again.
"""

import faulthandler
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import av
import cv2
import numpy as np
import pytest

from hourlift.errors import UserError


def load(name: str) -> ModuleType:
    """A module that lies beside this one."""
    spec = importlib.util.spec_from_file_location(f"fuzz_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


KINDS, broken = load("kinds").KINDS, load("breaking").broken
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


@pytest.mark.parametrize("name", KINDS)
def test_broken_files_are_refused_or_read(name: str, quiet: None, tmp_path: Path) -> None:
    kind = KINDS[name]
    folder = tmp_path / "files"
    folder.mkdir()
    kind.write(folder)
    path = folder / kind.file
    whole = path.read_bytes()
    kind.read(path)
    before = peak_bytes()
    for seed in range(max(ROUNDS // kind.cost, 2)):
        path.write_bytes(broken(whole, np.random.default_rng(seed)))
        faulthandler.dump_traceback_later(MAX_SECONDS, exit=True)  # a reader that does not come back
        try:
            kind.read(path)
        except (UserError, OSError) as error:
            message = f"{error} {getattr(error, 'filename', '')}"
            assert str(folder) in message or path.stem in message, f"seed {seed}: {message} does not name the file"
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
    grown = peak_bytes() - before
    assert grown < MAX_BYTES, f"{grown >> 20} MiB"
