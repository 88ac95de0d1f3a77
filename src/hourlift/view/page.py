"""The page: one HTML file that shows an image or video and, beside it, the people in it as 3D skeletons.

Everything is inside the file, so that it opens from disk, offline, for years: `page.html` is its frame, `page.css`
its look, `scene.js` the 3D view, `player.js` the playback. Its content security policy lets nothing else in.
"""

import base64
import hashlib
import html
import json
import mimetypes
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourlift.errors import UserError
from hourlift.formats.atomic import replacing
from hourlift.geometry.angles import ANGLES, joint_angles
from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.skeleton_style import COLOURS, FULL_CONFIDENCE, MIN_CONFIDENCE, limb_sides
from hourlift.geometry.world import CAMERA_UP, World
from hourlift.pose import Pose, PoseFrame

_MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", "video/mp4", "video/webm")
_FRAMES_AT_ONCE = 500  # angles are quicker for many at once, and memory is bounded
_CHUNK_BYTES = 3 << 18  # a multiple of 3, so that chunks of base64 join without padding


def write_page(
    path: str | Path,
    frames: Iterable[PoseFrame],
    *,
    image_wh: tuple[int, int],
    fps: float | None = None,
    media: str | Path | None = None,
    media_type: str | None = None,
    title: str | None = None,
    world: World | None = None,
) -> None:
    """Write the page, whole or not at all.

    Args:
        path: the HTML file; its folder exists. A file there is replaced.
        frames: in order of time. One frame makes a page without playback.
        image_wh: width and height of the image in pixels.
        fps: frames a second, to be named on the page; also how long the last frame is shown. None: the frames' own
            median step.
        media: image or video to embed (with the overlay drawn in); None shows the 3D view alone. A video starts at
            the time of the first frame, and its images are shown at the frames' times.
        media_type: MIME type of ``media``; None reads it off the file's name. Videos: H.264 in MP4 plays everywhere.
        world: where the camera stands in the room, so that people stand upright on its floor; None takes the camera to
            be level and puts the floor under their feet.
        title: heading; None takes the page's file name. Any text: it is escaped.

    Raises:
        ValueError: there are no frames, or the media type is none that a browser shows.
        OSError: the media cannot be read or the page not be written.
    """
    path = Path(path)
    shots = frames if isinstance(frames, Sequence) else list(frames)
    if not shots:
        raise UserError(f"{path}: a page needs at least one frame")
    title = path.stem if title is None else title
    step_ms = _step_ms(shots, fps)
    files = {name: (resources.files(__package__) / name).read_text(encoding="utf-8") for name in _SOURCES}
    script = files["scene.js"] + files["player.js"].replace('"use strict";\n', "", 1)
    parts: dict[str, Iterable[str]] = {
        "policy": [_policy(script, files["page.css"])],
        "title": [html.escape(title)],
        "style": [files["page.css"]],
        "script": [script],
        "layout": [_layout(len(shots), media is not None, image_wh)],
        "summary": [html.escape(_summary(shots, image_wh, step_ms))],
        "camera": [html.escape(_describe_camera(shots))],
        "poses": _poses_json(shots, step_ms, world),
        "media": [] if media is None else _media(Path(media), media_type, title),
    }
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for is_slot, text in _split(files["page.html"]):
            file.writelines(parts[text] if is_slot else [text])


_SOURCES = ("page.html", "page.css", "scene.js", "player.js")


def _split(template: str) -> Iterator[tuple[bool, str]]:
    """The template's pieces in order: (True, name) for each ``{{name}}``, (False, text) for what lies between."""
    for i, text in enumerate(re.split(r"\{\{(\w+)\}\}", template)):
        yield i % 2 == 1, text


def _policy(script: str, style: str) -> str:
    """A content security policy that runs our one script and style, known by their hashes, and reaches no network."""
    script_hash, style_hash = (
        base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() for source in (script, style)
    )
    return (
        f"default-src 'none'; script-src 'sha256-{script_hash}'; style-src 'sha256-{style_hash}'; "
        "img-src data:; media-src blob:; base-uri 'none'; form-action 'none'"
    )


def _media(path: Path, media_type: str | None, title: str) -> Iterator[str]:
    """The element that shows the image or video, its bytes as base64 inside.

    A video's bytes lie in a data block of their own: the script makes a blob of them, because browsers cannot seek
    in a video that is a data URI, and some do not play it at all.
    """
    media_type = media_type or mimetypes.guess_type(path.name)[0]
    if media_type not in _MEDIA_TYPES:
        raise UserError(f"{path}: cannot show {media_type or 'this type'} on a page, only {', '.join(_MEDIA_TYPES)}")
    label = html.escape(f"{title} with the skeletons drawn in", quote=True)
    if media_type.startswith("image/"):
        yield f'<img alt="{label}" src="data:{media_type};base64,'
        yield from _base64(path)
        yield '">'
    else:
        yield f'<video muted loop playsinline preload="auto" aria-label="{label}"></video>'
        yield '<p id="unplayable" class="note" hidden>This browser cannot play the video; the skeleton plays alone.</p>'
        yield f'<script type="text/plain" id="video-data" data-type="{media_type}">'
        yield from _base64(path)
        yield "</script>"


def _base64(path: Path) -> Iterator[str]:
    """A file's bytes as base64, piece by piece."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield base64.b64encode(chunk).decode("ascii")


def _poses_json(frames: Sequence[PoseFrame], step_ms: float, world: World | None) -> Iterator[str]:
    """What the script reads: how a skeleton looks, when frames are shown, and who is in them, whole millimetres.

    A person is ``[id, [x, y, z of each joint], [x, y, z] of the root or null, [percent of each joint], [degrees of each
    angle, left before right]]``; NaN is null.
    Numbers are in camera axes; ``world`` turns them upright.
    """
    start_s = frames[0].time_s
    head = {
        "joints": H36M17.joint_names,
        "parents": H36M17.parents,
        "sides": limb_sides(),
        "colours": COLOURS,
        "confidence": [MIN_CONFIDENCE, FULL_CONFIDENCE],
        "world": None if world is None else world.to_dict(),
        "angles": [[angle.title, angle.sign, angle.sided] for angle in ANGLES],
        "step": round(step_ms, 3),
        "times": [round((frame.time_s - start_s) * 1000, 1) for frame in frames],
    }
    yield _json(head).removesuffix("}") + ',"frames":['
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        block = [frames[i] for i in range(start, min(len(frames), start + _FRAMES_AT_ONCE))]
        angles = iter(_angles([pose for frame in block for pose in frame.people], world))
        texts = (_json([_person(pose, next(angles)) for pose in frame.people]) for frame in block)
        yield ("," if start else "") + ",".join(texts)
    yield "]}"


def _json(content: Any) -> str:
    """As compact as it gets, and fit for a script element."""
    # "<" cannot end or open a tag when it is written as an escape, and JSON reads it back the same.
    return json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _angles(poses: Sequence[Pose], world: World | None) -> NDArray[np.float64]:
    """(N, angles) degrees of everybody in every frame, NaN where joints are unsure; at once, one by one is slow."""
    if not poses:
        return np.zeros((0, 0))
    confidence = np.nan_to_num([pose.confidence for pose in poses])
    joints_mm = np.where(confidence[..., None] >= MIN_CONFIDENCE, [pose.joints_3d_mm for pose in poses], np.nan)
    angles = joint_angles(joints_mm, CAMERA_UP if world is None else world.up_cam)
    return np.stack(list(angles.values()), axis=-1)


def _person(pose: Pose, angles: NDArray[np.float64]) -> list[Any]:
    root = _whole(pose.root_cam_mm)
    return [
        pose.person_id,
        _whole(pose.joints_3d_mm),
        None if None in root else root,
        _whole(pose.confidence * 100),
        _whole(angles),
    ]


def _whole(values: NDArray[np.floating]) -> list[int | None]:
    """Flat list of rounded values, None for NaN and infinity."""
    return [round(value) if np.isfinite(value) else None for value in values.ravel().tolist()]


def _step_ms(frames: Sequence[PoseFrame], fps: float | None) -> float:
    """Length of a frame in milliseconds; 0 for a single image."""
    if len(frames) < 2:
        return 0.0
    if fps is not None and np.isfinite(fps) and fps > 0:
        return 1000 / fps
    return float(np.median(np.diff([frame.time_s for frame in frames]))) * 1000


def _layout(num_frames: int, has_media: bool, image_wh: tuple[int, int]) -> str:
    """The style sheet's classes for this page's content."""
    if not has_media:
        shape = "alone"
    else:
        aspect = image_wh[0] / image_wh[1]
        shape = "wide" if aspect > 1.2 else "tall" if aspect < 0.85 else "square"
    return f"{shape} still" if num_frames == 1 else shape


def _summary(frames: Sequence[PoseFrame], image_wh: tuple[int, int], step_ms: float) -> str:
    """One line: how many people, frames and seconds, and the size of the image."""
    num_people = len({pose.person_id for frame in frames for pose in frame.people})
    facts = ["nobody found" if num_people == 0 else "1 person" if num_people == 1 else f"{num_people} people"]
    if len(frames) > 1:
        seconds = frames[-1].time_s - frames[0].time_s + step_ms / 1000
        facts += [f"{len(frames)} frames", f"{seconds:.1f} s"]
        facts += [f"{1000 / step_ms:.3g} fps"] if step_ms > 0 else []
    return " · ".join([*facts, f"{image_wh[0]}\u00a0×\u00a0{image_wh[1]}\u00a0px"])


def _describe_camera(frames: Sequence[PoseFrame]) -> str:
    """One sentence on where the camera's focal length comes from; empty when nobody was found."""
    camera = next((pose.camera for frame in frames for pose in frame.people), None)
    if camera is None:
        return ""
    origin = {
        "given": "The camera was given",
        "exif": "The camera was read from the image's EXIF data",
        "default": "The camera is unknown and was assumed",
    }
    angle = _field_of_view_deg(camera)
    return f"{origin.get(camera.source, f'Camera: {camera.source}')}: {angle:.0f}° along the longer side."


def _field_of_view_deg(camera: Camera) -> float:
    """Angle of view along the longer side of the image, without distortion."""
    width, height = camera.image_wh
    half = width / 2 / camera.fx if width >= height else height / 2 / camera.fy
    return float(2 * np.degrees(np.arctan(half)))
