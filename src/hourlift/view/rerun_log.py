"""Images, 2D joints, 3D joints and the camera for the viewer Rerun; needs rerun-sdk, from hourlift[view].

The world is the camera frame: millimetres, x right, y down, z forward. Entities: ``camera`` (a pinhole) with
``camera/image``, ``camera/image/person/ID`` (2D), and ``person/ID`` (3D). Timelines: ``frame`` and ``time``.
"""

import uuid
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Image
from hourlift.errors import UserError
from hourlift.formats.atomic import replacing
from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.skeleton_style import COLOURS, MIN_CONFIDENCE, limb_sides, side_of, weight
from hourlift.pose import Pose, PoseFrame

_QUALITY = 85
_JOINT_MM, _LIMB_MM, _JOINT_PX, _LIMB_PX = 22.0, 14.0, 3.0, 1.5
_PLANE_MM = 500.0  # distance from the camera at which its image is shown
_JOINT_COLOURS = [COLOURS[side_of(name)] for name in H36M17.joint_names]
_SIDES = limb_sides()


def check_rerun() -> None:
    """Check early what would fail later.

    Raises:
        ValueError: Rerun is not installed.
    """
    try:
        import rerun  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(f"--viewer rerun needs the package {error.name}: pip install 'hourlift[view]'") from error


class RerunLog:
    """Sends a video's images and people to Rerun. A context manager.

    Args:
        title: name of the recording.
        camera: the images' camera; its distortion is ignored, as Rerun does not support it.
        rrd: file, written atomically; None opens the viewer.

    Raises:
        ValueError: as `check_rerun`.
        OSError: the file cannot be written, or the viewer cannot be opened.
    """

    def __init__(self, title: str, camera: Camera, rrd: Path | None = None) -> None:
        check_rerun()
        self._title, self._camera, self._rrd = title, camera, rrd
        self._known: set[int] = set()

    def __enter__(self) -> Self:
        import rerun as rr

        self._recording = rr.RecordingStream("hourlift", recording_id=uuid.uuid4())
        with ExitStack() as stack:
            self._open(stack)
            stack.callback(self._recording.disconnect)  # before the file takes its place
            self._stack = stack.pop_all()
        self._recording.send_recording_name(self._title)
        self._recording.log("/", rr.ViewCoordinates.RDF, static=True)
        pinhole = rr.Pinhole(
            image_from_camera=self._camera.matrix,
            resolution=self._camera.image_wh,
            camera_xyz=rr.ViewCoordinates.RDF,
            image_plane_distance=_PLANE_MM,
        )
        self._recording.log("camera", pinhole, static=True)
        return self

    def _open(self, stack: ExitStack) -> None:
        """Open the file or the viewer; Rerun's RuntimeError becomes an OSError."""
        try:
            if self._rrd is None:
                self._recording.spawn()
            else:
                self._recording.save(stack.enter_context(replacing(self._rrd)))
        except RuntimeError as error:
            what = "the viewer Rerun cannot be opened" if self._rrd is None else f"{self._rrd}: cannot be written"
            raise OSError(f"{what} ({str(error).partition(', path')[0]})") from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def log(self, image_rgb: Image, frame: PoseFrame) -> None:
        """Send the next image (H, W, 3) uint8 and its people; NaN and unsure joints are omitted."""
        import rerun as rr

        self._recording.set_time("frame", sequence=frame.index)
        self._recording.set_time("time", duration=frame.time_s)
        jpeg = cv2.imencode(".jpg", image_rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
        self._recording.log("camera/image", rr.EncodedImage(contents=jpeg.tobytes(), media_type="image/jpeg"))
        for person_id in self._known - {pose.person_id for pose in frame.people}:
            self._recording.log(f"person/{person_id}", rr.Clear(recursive=True))
            self._recording.log(f"camera/image/person/{person_id}", rr.Clear(recursive=True))
        self._known = {pose.person_id for pose in frame.people}
        for pose in frame.people:
            flat = _shapes(pose, pose.joints_2d_px, rr.Points2D, rr.LineStrips2D, (_JOINT_PX, _LIMB_PX))
            # People of unknown position are shown at the camera's origin.
            place = pose.root_cam_mm if np.isfinite(pose.root_cam_mm).all() else np.zeros(3, np.float32)
            solid = _shapes(pose, pose.joints_3d_mm + place, rr.Points3D, rr.LineStrips3D, (_JOINT_MM, _LIMB_MM))
            for where, (points, limbs) in (("camera/image/person", flat), ("person", solid)):
                self._recording.log(f"{where}/{pose.person_id}/joints", points)
                self._recording.log(f"{where}/{pose.person_id}/limbs", limbs)


def _shapes(
    pose: Pose, joints: NDArray[np.float32], points: Any, strips: Any, radii: tuple[float, float]
) -> tuple[Any, Any]:
    """A person's joints and limbs as Rerun's archetypes, pale where unsure."""
    strength = weight(pose.confidence, MIN_CONFIDENCE) * np.isfinite(joints).all(axis=-1)
    sure = strength > 0
    colours = np.array([(*rgb, 255) for rgb in _JOINT_COLOURS], np.uint8)
    colours[:, 3] = np.round(255 * strength)
    labels = [name for name, known in zip(H36M17.joint_names, sure, strict=True) if known]
    limbs = [(parent, child) for parent, child in H36M17.edges if sure[parent] and sure[child]]
    limb_colours = [(*COLOURS[_SIDES[c]], round(255 * min(strength[p], strength[c]))) for p, c in limbs]
    return (
        points(joints[sure], colors=colours[sure], radii=radii[0], labels=labels, show_labels=False),
        strips([joints[[p, c]] for p, c in limbs], colors=limb_colours, radii=radii[1]),
    )
