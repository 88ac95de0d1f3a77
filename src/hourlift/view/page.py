"""The page: one HTML file that shows an image or video and, beside it, the people in it as 3D skeletons.

Everything is in the file, so that it opens from disk and offline: `page.html` is the template, `theme.css` and
`page.css` the style, `scene.js` the 3D view, `player.js` the playback. Its content security policy forbids everything
else.
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
_FRAMES_AT_ONCE = 500  # computing many angles at once is faster; the limit bounds memory
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
    """Write the page atomically.

    Args:
        path: the HTML file; its folder exists. An existing file is replaced.
        frames: in temporal order. With one frame, the page has no playback.
        image_wh: width and height of the image in pixels.
        fps: frame rate, shown on the page; also sets the duration of the last frame. None: the frames'
            median interval.
        media: image or video to embed (with the overlay drawn on it); None shows the 3D view alone. A video starts at
            the time of the first frame, and its images are shown at the frames' times.
        media_type: MIME type of ``media``; None infers it from the file's name. Videos: H.264 in MP4 plays everywhere.
        world: pose of the camera in the world frame, so that people stand upright on the floor; None assumes a level
            camera and puts the floor under their feet.
        title: heading, of any text, as it is escaped; None takes the page's file name.

    Raises:
        ValueError: there are no frames, or browsers cannot show the media type.
        OSError: the media cannot be read or the page cannot be written.
    """
    path = Path(path)
    shots = frames if isinstance(frames, Sequence) else list(frames)
    if not shots:
        raise UserError(f"{path}: a page needs at least one frame")
    title = path.stem if title is None else title
    step_ms = _step_ms(shots, fps)
    files = {name: (resources.files(__package__) / name).read_text(encoding="utf-8") for name in _SOURCES}
    script = files["scene.js"] + files["player.js"].replace('"use strict";\n', "", 1)
    style = files["theme.css"] + files["page.css"]
    parts: dict[str, Iterable[str]] = {
        "policy": [_policy(script, style)],
        "title": [html.escape(title)],
        "style": [style],
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


_SOURCES = ("page.html", "theme.css", "page.css", "scene.js", "player.js")


def _split(template: str) -> Iterator[tuple[bool, str]]:
    """The template's parts in order: (True, name) for each ``{{name}}``, (False, text) for what lies between."""
    for i, text in enumerate(re.split(r"\{\{(\w+)\}\}", template)):
        yield i % 2 == 1, text


def _policy(script: str, style: str) -> str:
    """A content security policy that allows our script and style, by their hashes, and no network access."""
    script_hash, style_hash = (
        base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() for source in (script, style)
    )
    return (
        f"default-src 'none'; script-src 'sha256-{script_hash}'; style-src 'sha256-{style_hash}'; "
        "img-src data:; media-src blob:; base-uri 'none'; form-action 'none'"
    )


def _media(path: Path, media_type: str | None, title: str) -> Iterator[str]:
    """The element that shows the image or video, with its bytes as base64.

    A video's bytes are in a separate data block, from which the script makes a blob, because browsers cannot seek in a
    video that is a data URI, and some cannot play it.
    """
    media_type = media_type or mimetypes.guess_type(path.name)[0]
    if media_type not in _MEDIA_TYPES:
        raise UserError(f"{path}: cannot show {media_type or 'this type'} on a page, only {', '.join(_MEDIA_TYPES)}")
    label = html.escape(f"{title} with the skeletons drawn on it", quote=True)
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
    """The script's data: the skeleton's style, the frames' times, and their people, in whole millimetres.

    A person is ``[id, [x, y, z of each joint], [x, y, z] of the root or null, [percent of each joint], [degrees of each
    angle, left before right]]``; NaN is null.
    Numbers are in camera axes; ``world`` rotates them upright.
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
    """Compact JSON that is safe in a script element."""
    # An escaped "<" cannot open or close a tag, and JSON decodes it.
    return json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _angles(poses: Sequence[Pose], world: World | None) -> NDArray[np.float64]:
    """(N, angles) degrees of all people in all frames, NaN for unsure joints; vectorised for speed."""
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
    facts = ["no person found" if num_people == 0 else "1 person" if num_people == 1 else f"{num_people} people"]
    if len(frames) > 1:
        seconds = frames[-1].time_s - frames[0].time_s + step_ms / 1000
        facts += [f"{len(frames)} frames", f"{seconds:.1f} s"]
        facts += [f"{1000 / step_ms:.3g} fps"] if step_ms > 0 else []
    return " · ".join([*facts, f"{image_wh[0]}\u00a0×\u00a0{image_wh[1]}\u00a0px"])


def _describe_camera(frames: Sequence[PoseFrame]) -> str:
    """One sentence on where the camera's focal length comes from; empty if no person was found."""
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
