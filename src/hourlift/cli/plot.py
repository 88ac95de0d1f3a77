"""``hourlift plot``: plot joint angles over time, and write them as CSV."""

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from numpy.typing import ArrayLike

from hourlift.cli.progress import LateProgress
from hourlift.errors import UserError
from hourlift.formats.angles import AngleTrack, angle_track, write_angles
from hourlift.formats.json import PoseFile, load
from hourlift.geometry.skeleton_style import MIN_CONFIDENCE
from hourlift.geometry.world import CAMERA_UP, up_of_pitched_camera
from hourlift.pose_log import PoseLog, blocks
from hourlift.view.angle_plot import PLOT_SUFFIXES, check_plot, plot_angles

EXAMPLES = """
hourlift plot hourlift-output/squat.json -o angles.png
hourlift plot squat.json -o angles.pdf angles.csv --pitch 10
hourlift plot match.json -o second.png --person 1 --min-confidence 0.3
"""


def command(
    result: Annotated[Path, tyro.conf.Positional],
    *,
    out: Annotated[
        tuple[Path, ...],
        tyro.conf.arg(aliases=["-o"], metavar="FILE...", help_behavior_hint="(default: RESULT.angles.png and .csv)"),
    ] = (),
    person: Annotated[
        int | None,
        tyro.conf.arg(metavar="ID", help_behavior_hint="(default: CSV all people; plot the person seen most)"),
    ] = None,
    pitch: Annotated[
        float | None, tyro.conf.arg(metavar="DEGREES", help_behavior_hint="(default: from the result, else 0)")
    ] = None,
    min_confidence: Annotated[float, tyro.conf.arg(metavar="C")] = MIN_CONFIDENCE,
) -> None:
    """Plot joint angles over time, and write them as a table: knee, hip, elbow, shoulder, trunk, left and right.

    An unknown angle is a gap in the plot and an empty cell in the table. docs/angles.md defines each angle and its
    sign.

    Args:
        result: a JSON file that `hourlift predict` wrote.
        out: files to write: .png, .svg or .pdf for a plot, which needs hourlift[plots], and .csv for the table.
        person: the person's id.
        pitch: the camera's downward pitch, degrees; only the trunk's angles depend on it.
        min_confidence: joints of lower confidence count as unknown.

    Raises:
        ValueError: the file holds no result or no people, or an option is invalid.
        OSError: a file cannot be read or written.
    """
    files = list(out) or [result.with_suffix(".angles.png"), result.with_suffix(".angles.csv")]
    for file in files:
        if file.suffix.lower() not in (*PLOT_SUFFIXES, ".csv"):
            raise UserError(f"{file}: angles are written as .csv, {', '.join(PLOT_SUFFIXES)}")
        if file.suffix.lower() != ".csv":
            check_plot(file)
    given_up = None if pitch is None else up_of_pitched_camera(pitch)
    with LateProgress() as progress:
        document = load(result)
        found_up = CAMERA_UP if document.header.world is None else document.header.world.up_cam
        tracks = _tracks(document, result, person, found_up if given_up is None else given_up, min_confidence)
        for number, file in enumerate(files):
            progress.update(str(file), number, len(files))
            file.parent.mkdir(parents=True, exist_ok=True)
            progress.say(f"{file}: {_write(file, tracks, document.header.source)}", sys.stdout)


def _write(file: Path, tracks: list[AngleTrack], source: str) -> str:
    """Write the table of all people, or the plot of the person seen most; return its description."""
    shown = max(tracks, key=lambda track: sum(np.isfinite(degrees).sum() for degrees in track.degrees.values()))
    if file.suffix.lower() == ".csv":
        write_angles(file, tracks)
        return f"{_count(len(shown.times_s), 'frame', 'frames')}, {_count(len(tracks), 'person', 'people')}"
    name = f", person {shown.person_id}" if shown.person_id or len(tracks) > 1 else ""
    plot_angles(shown, file, f"{source}{name}")
    return f"person {shown.person_id}, {shown.times_s[-1] - shown.times_s[0]:.1f} s"


def _tracks(
    document: PoseFile, file: Path, person: int | None, up: ArrayLike, min_confidence: float
) -> list[AngleTrack]:
    """All people's angles, or one person's.

    Raises:
        ValueError: there are no people, or not that person.
    """
    frames = document.frames if isinstance(document.frames, PoseLog) else PoseLog(document.frames)
    known = frames.person_ids
    if not known:
        raise UserError(f"{file}: no person was found in {document.header.source}, so there are no angles")
    if person is not None and person not in known:
        raise UserError(f"{file}: there is no person {person}; the people are {', '.join(map(str, known))}")
    return [_track(frames, i, up, min_confidence) for i in (known if person is None else [person])]


def _track(frames: PoseLog, person: int, up: ArrayLike, min_confidence: float) -> AngleTrack:
    """One person's angles; only a block of their poses is in memory."""
    parts = [angle_track(frames.sequence(person, part), up, min_confidence) for part in blocks(len(frames))]
    return AngleTrack(
        person_id=person,
        frame_index=np.concatenate([part.frame_index for part in parts]),
        times_s=np.concatenate([part.times_s for part in parts]),
        degrees={key: np.concatenate([part.degrees[key] for part in parts]) for key in parts[0].degrees},
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
