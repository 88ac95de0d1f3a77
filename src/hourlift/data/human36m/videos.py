"""Video frames as samples: decoded from the video, or named as extracted image files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from hourlift.data.dataset import Counts
from hourlift.data.frame_id import FrameId
from hourlift.data.human36m.protocol import ACTIONS, CAMERA_SIZES_WH, SUBJECTS
from hourlift.data.sample import Sample
from hourlift.errors import UserError
from hourlift.geometry.camera import Camera
from hourlift.geometry.crop import box_from_joints

IMAGES = "images"
PICK_FRAME = 100
"""The frame that represents a video: recordings start with the person standing still."""
VideoTake = TypeVar("VideoTake", bound="Take")
_CUT_OFF = 0.95  # videos may end a few frames before the motion capture


@dataclass(frozen=True, kw_only=True, order=True)
class Take:
    """Origin of a video: subject, action, number of the take, camera."""

    subject: str
    action: str
    take: int
    camera: str

    def frame(self, index: int) -> FrameId:
        """Return the origin of a frame from its index, which starts at 0."""
        return FrameId(subject=self.subject, action=self.action, take=self.take, camera=self.camera, frame=index + 1)


def count_videos(takes: Sequence[Take], frames: int) -> Counts:
    """Return the counts of videos with the given total of frames; names are in Human3.6M's order."""
    return Counts(
        people=frames,
        videos=len(takes),
        subjects=_ordered({take.subject for take in takes}, SUBJECTS),
        actions=_ordered({take.action for take in takes}, ACTIONS),
        cameras=_ordered({take.camera for take in takes}, tuple(CAMERA_SIZES_WH)),
    )


def _ordered(names: set[str], order: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name)))


def spread(videos: Sequence[VideoTake], count: int) -> list[VideoTake]:
    """Return at most `count` videos, spread over the list."""
    return [videos[i] for i in np.unique(np.linspace(0, len(videos) - 1, count).astype(int)).tolist()]


def frame_samples(
    take: Take,
    joints_cam_mm: NDArray[np.floating],
    camera: Camera,
    indices: Sequence[int],
    images: Iterator[NDArray[np.uint8]] | Path,
    joints_px: NDArray[np.floating] | None = None,
) -> Iterator[Sample]:
    """Yield the samples of one video.

    Args:
        take: Origin of the video.
        joints_cam_mm: (T, 17, 3) of all its frames.
        camera: The camera that recorded it.
        indices: Frames to return, starting at 0.
        images: Their images in order, or the folder of image files named after the sample's id.
        joints_px: (T, 17, 2) if known; by default the projection.

    Yields:
        Samples; a joint outside the image is not `visible`.
    """
    wanted = joints_cam_mm[list(indices)]
    pixels = camera.project(wanted) if joints_px is None else np.asarray(joints_px, np.float64)[list(indices)]
    boxes = box_from_joints(pixels)
    inside = np.asarray(((pixels > -0.5) & (pixels < np.array(camera.image_wh) - 0.5)).all(axis=-1))
    for i, index in enumerate(indices):
        name = str(take.frame(index))
        yield Sample(
            id=name,
            image=images / f"{name}.jpg" if isinstance(images, Path) else next(images),
            image_wh=camera.image_wh,
            joints_2d_px=pixels[i].astype(np.float32),
            visible=inside[i],
            box_xyxy_px=boxes[i].astype(np.float32),
            joints_3d_cam_mm=wanted[i].astype(np.float32),
            camera=camera,
        )


def read_frames(video: Path, count: int, stride: int, image_wh: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    """Decode every stride-th frame of the first `count` frames of a video.

    Args:
        video: The video file.
        count: Expected number of frames. If the video is up to 5 % shorter, the last image is repeated.
        stride: Return every stride-th frame.
        image_wh: Expected size.

    Yields:
        ceil(count / stride) images (H, W, 3) RGB.

    Raises:
        ValueError: The video is missing, truncated, unreadable, or of another size.
    """
    if not video.is_file():
        raise UserError(f"{video} is missing")
    last, read = None, 0
    try:
        with av.open(str(video), metadata_errors="replace") as container:
            container.streams.video[0].thread_type = "AUTO"
            for read, frame in enumerate(islice(container.decode(video=0), count), start=1):
                if (frame.width, frame.height) != image_wh:
                    raise UserError(
                        f"{video} is {(frame.width, frame.height)}; its camera's videos are {image_wh} (width, height)"
                    )
                if (read - 1) % stride == 0:
                    last = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
                    yield last
    except (FFmpegError, IndexError) as error:
        raise UserError(f"{video} cannot be read as a video: {error}") from error
    if last is None or read < _CUT_OFF * count:
        raise UserError(f"{video} is cut off: it ends after {read} of {count} frames")
    for _ in range(-(-read // stride), -(-count // stride)):
        yield last
