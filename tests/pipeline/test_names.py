"""No source's files have the names of another's, also in formats of several files for a source."""

from pathlib import Path

import pytest

from hourlift.formats import json as pose_json
from hourlift.formats.table import FormatName
from hourlift.geometry.camera import Camera
from hourlift.media.sources import Source
from hourlift.pipeline.names import with_free_names
from hourlift.pipeline.options import Outputs


def source(name: str) -> Source:
    return Source(label=f"{name}.mp4", kind="video", name=name)


def free_names(folder: Path, names: list[str], *formats: FormatName) -> list[str]:
    return [found.name for found in with_free_names(map(source, names), Outputs(folder=folder, formats=formats))]


@pytest.mark.parametrize(
    ("name", "format_name"), [("dance-1", "bvh"), ("dance.part-2", "c3d"), ("dance.coco", "coco"), ("DANCE-12", "bvh")]
)
def test_further_files_of_one_source_are_no_files_of_another(
    tmp_path: Path, name: str, format_name: FormatName
) -> None:
    """dance-1.bvh is person 1 of dance.mp4, and all of dance-1.mp4."""
    assert free_names(tmp_path, ["dance", name], "json", "csv") == ["dance", name]
    assert free_names(tmp_path, ["dance", name], "json", format_name) == ["dance", f"{name}-2"]
    assert free_names(tmp_path, [name], "json", format_name) == [name]


def test_nor_in_a_later_run(tmp_path: Path) -> None:
    for name in ("dance-1", "walk"):
        header = pose_json.Header(
            source=name,
            kind="video",
            image_wh=(4, 4),
            camera=Camera.from_fov((4, 4)),
            fps=25.0,
            source_id=source(name).id,
        )
        pose_json.write(tmp_path / f"{name}.json", pose_json.PoseFile(header=header, frames=[]))
    assert free_names(tmp_path, ["dance", "walk-3"], "json") == ["dance", "walk-3"]
    assert free_names(tmp_path, ["dance", "walk-3"], "bvh") == ["dance-2", "walk-3-2"]
    assert free_names(tmp_path, ["dance-1", "walk"], "bvh") == ["dance-1", "walk"]  # each replaces its own
