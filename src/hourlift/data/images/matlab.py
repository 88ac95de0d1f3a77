"""Read MATLAB's .mat files and HDF5, each in its own process: the parsers are in C, and broken files can crash them.

Both parsers are in the extra `data`.
"""

import importlib
from pathlib import Path
from typing import Any

from hourlift.errors import UserError
from hourlift.formats.child import read_in_child
from hourlift.formats.guarded import parsing


def read_mat(path: Path) -> dict[str, Any]:
    """Read the variables of a .mat file, version 4 to 7.2, by name.

    Returns:
        Arrays without dimensions of length 1; a struct is an object with its fields as attributes.

    Raises:
        ValueError: the file is damaged, or SciPy is missing; the message names the file.
        OSError: the file cannot be read.
    """
    _check_package(path, "scipy.io")
    return read_in_child(_read_mat, path, "MATLAB file")


def read_hdf5(path: Path) -> dict[str, Any]:
    """Read the top-level data sets of an HDF5 file by name, as NumPy arrays.

    Raises:
        ValueError: the file is damaged, or h5py is missing; the message names the file.
        OSError: the file cannot be read.
    """
    _check_package(path, "h5py")
    return read_in_child(_read_hdf5, path, "HDF5 file")


def _check_package(path: Path, package: str) -> None:
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        name = package.partition(".")[0]
        raise UserError(f"{path} needs the package {name}: pip install 'hourlift[data]'") from error


def _read_mat(path: Path) -> dict[str, Any]:
    with parsing(path, "MATLAB file"):
        from scipy.io import loadmat

        content: dict[str, Any] = loadmat(path, struct_as_record=False, squeeze_me=True)
    return {name: value for name, value in content.items() if not name.startswith("__")}


def _read_hdf5(path: Path) -> dict[str, Any]:
    with parsing(path, "HDF5 file"):
        import h5py

        with h5py.File(path, "r") as file:
            return {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}
