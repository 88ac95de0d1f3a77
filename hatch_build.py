"""Puts the page of `hourlift serve` into every wheel and sdist; hatchling runs this before it collects their files."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE = "src/hourlift/web/index.html"
WITHOUT_PAGE = "HOURLIFT_WITHOUT_PAGE"
_REMEDY = f"install Node.js 20.19 or newer, which brings npm, or set {WITHOUT_PAGE}=1 to go without the page"


class PageHook(BuildHookInterface):
    """Builds the page where it is missing, except for an editable installation, which reads the source tree."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Prepare a build; `version` is "editable" for an editable wheel, "standard" otherwise."""
        if version != "editable":
            ensure_page(Path(self.root))


def ensure_page(root: Path) -> None:
    """Build the page with npm unless it is there, or the environment allows a package without it.

    Args:
        root: The source tree.

    Raises:
        SystemExit: There is no page and it cannot be built; the message says what to install.
    """
    if (root / PAGE).is_file() or os.environ.get(WITHOUT_PAGE):
        return
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(f"the page of `hourlift serve` has not been built: {_REMEDY}")
    for command in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        if subprocess.run([npm, *command], cwd=root / "web", check=False).returncode:
            raise SystemExit(f"`npm {command[0]}` cannot build the page of `hourlift serve`: {_REMEDY}")
