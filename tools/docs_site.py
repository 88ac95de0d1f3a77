"""What MkDocs cannot know by itself: pages that lie outside of docs/, the API reference, and the navigation.

A hook of mkdocs.yml. Links in Markdown stay as GitHub reads them; here they are led to the site's own pages, and those
that lead to a file without a page become plain text.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = "src/hourlift/weights"

ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "examples/README.md": "examples/index.md",
    "benchmarks/results/growth.png": "images/growth.png",
    "benchmarks/results/batch.json": "images/batch.json",
    f"{WEIGHTS}/hourglass-accurate.photographs.csv": "models/hourglass-accurate.photographs.csv",
}
"""Files of the repository that the site has beside those of docs/, and where."""

API = [
    "hourlift",
    "hourlift.pose",
    "hourlift.errors",
    "hourlift.pipeline.api",
    "hourlift.pipeline.summary",
    "hourlift.predict.predictor",
    "hourlift.geometry.skeleton",
    "hourlift.geometry.camera",
    "hourlift.geometry.crop",
    "hourlift.geometry.angles",
    "hourlift.geometry.align",
    "hourlift.geometry.world",
    "hourlift.formats.files",
    "hourlift.formats.table",
    "hourlift.formats.json",
    "hourlift.formats.angles",
    "hourlift.media.live",
    "hourlift.metrics.mpjpe",
    "hourlift.metrics.pck",
    "hourlift.view.overlay",
    "hourlift.weights",
    "hourlift.training.engine.loop",
    "hourlift.training.recipes",
    "hourlift.export.models",
]
"""Modules of the reference."""

GUIDES = ["commands.md", "guides/*.md", "live.md", "tracks.md", "angles.md", "synthetic-people.md"]
REFERENCE = ["conventions.md", "formats.md", "results.md", "speed.md", "data/README.md"]


def _elsewhere() -> dict[str, str]:
    files = ELSEWHERE | {f"{WEIGHTS}/{card.name}": f"models/{card.name}" for card in (ROOT / WEIGHTS).glob("*.md")}
    return files | {f"examples/{file.name}": f"examples/{file.name}" for file in (ROOT / "examples").glob("*.py")}


def _pages(*patterns: str) -> Iterator[str]:
    for pattern in patterns:
        yield from sorted(file.relative_to(ROOT / "docs").as_posix() for file in (ROOT / "docs").glob(pattern))


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Set the navigation: what a newcomer needs first, the decisions last."""
    elsewhere = _elsewhere().values()
    config.nav = [
        {"hourlift": "index.md"},
        {"Guides": [*_pages(*GUIDES), "examples/index.md"]},
        {"Reference": [*_pages(*REFERENCE), *sorted(uri for uri in elsewhere if re.match(r"models/.*\.md", uri))]},
        {"API": [{name: f"api/{name}.md"} for name in API]},
        {"Development": ["architecture.md", "contributing.md", "changelog.md"]},
        {"Decisions": [*_pages("decisions/*.md")]},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere, and one for each module of the API."""
    for source, uri in _elsewhere().items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / source)))
    for name in API:
        files.append(File.generated(config, f"api/{name}.md", content=f"# {name}\n\n::: {name}\n"))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Lead links to the site's pages."""
    elsewhere = _elsewhere()
    source = next((name for name, uri in elsewhere.items() if uri == page.file.src_uri), f"docs/{page.file.src_uri}")

    def led(found: re.Match[str]) -> str:
        mark, text, target = found.groups()
        path, hash_, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return found[0]
        name = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if name.startswith("docs/") and (ROOT / name).is_file():
            uri = name.removeprefix("docs/")
        elif name in elsewhere:
            uri = elsewhere[name]
        elif (ROOT / name).exists():
            return text
        else:
            return found[0]  # MkDocs will complain
        return f"{mark}[{text}]({posixpath.relpath(uri, posixpath.dirname(page.file.src_uri) or '.')}{hash_}{anchor})"

    return re.sub(r"(!?)\[((?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*)\]\(([^)\s]+)\)", led, markdown)
