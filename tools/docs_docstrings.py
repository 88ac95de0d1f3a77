"""Lines of Python in docstrings, as the site shows them: a griffe extension of mkdocs.yml.

Google's style wants a heading above ``>>>``; this code's docstrings have none, so that they read well in the source.
"""

import re
from typing import Any

import griffe

_SESSION = re.compile(r"(?:^[ ]*(?:>>>|\.\.\.).*\n?)+", re.MULTILINE)


class Sessions(griffe.Extension):
    """Puts lines that begin with ``>>>`` into a block of code."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of a class or function."""
        _show(obj)

    def on_module_members(self, *, mod: griffe.Module, **_: Any) -> None:
        """Change the docstring of a module."""
        _show(mod)


def _show(obj: griffe.Object) -> None:
    if obj.docstring is not None:
        obj.docstring.value = _SESSION.sub(_block, obj.docstring.value)


def _block(found: re.Match[str]) -> str:
    lines = (re.sub(r"^ *(>>>|\.\.\.) ?|\s*# doctest:.*$", "", line) for line in found[0].splitlines())
    return "\n```python\n" + "\n".join(lines) + "\n```\n"
