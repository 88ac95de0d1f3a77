"""Result types: a person in an image, a frame of a video, a person through a video.

Everything is in the pixels of the upright image and in camera axes: x right, y down, z forward, millimetres.
The joints are those of `hourlift.geometry.skeleton.H36M17`.
"""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array32
from hourlift.errors import UserError
from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import FOOT_POINTS, H36M17
from hourlift.geometry.skeleton_plot import plot_skeletons
from hourlift.geometry.skeleton_svg import skeleton_svg
from hourlift.geometry.world import CAMERA_UP, World

if TYPE_CHECKING:
    import pandas
    from mpl_toolkits.mplot3d import Axes3D


POSE_SHAPES: dict[str, tuple[int, ...]] = {
    "joints_2d_px": (H36M17.num_joints, 2),
    "confidence": (H36M17.num_joints,),
    "joints_3d_mm": (H36M17.num_joints, 3),
    "root_cam_mm": (3,),
    "box_xyxy_px": (4,),
    "feet_2d_px": (len(FOOT_POINTS), 2),
    "feet_confidence": (len(FOOT_POINTS),),
}
"""The arrays that every person has; unknown values are NaN, and unknown confidences 0."""


def unknown_value(name: str) -> float:
    """What stands for an unknown value in the array of that name."""
    return 0.0 if name in ("confidence", "feet_confidence") else np.nan


def _nothing() -> Array32:
    """Replaced by unknown values of the right shape."""
    return np.empty(0, np.float32)


_LEVEL = World.from_up(CAMERA_UP, camera_height_mm=0.0, source="default")
_PLOT_STEP_MM = 1000.0


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Pose:
    """One person in one image.

    The arrays are stored as float32; shapes are checked. Unknown values are NaN.

    Attributes:
        joints_2d_px: (17, 2) x, y in image pixels, pixel centres at integers.
        confidence: (17,) probability, by the model's calibration, that each joint is correct, within 0.2 torso; the
            peak of its heatmap if the model has none. 0 (a guess) to 1 (certain).
        joints_3d_mm: (17, 3) relative to the pelvis, in camera axes.
        root_cam_mm: (3,) the pelvis in the camera frame; NaN if it could not be solved.
        box_xyxy_px: (4,) the person's box: left, top, right, bottom.
        feet_2d_px: (4, 2) `FOOT_POINTS` in image pixels: left heel and big toe, then right; NaN if the hourglass does
            not find them.
        feet_confidence: (4,) as `confidence`.
        camera: the camera used for the viewing rays. `camera.source` says where it came from.
        person_id: the same through a video.
        spread_mm: (17,) expected distance of each of joints_3d_mm to the truth, the average for people of whom as much
            is visible; None if the lifter does not predict it.

    Raises:
        ValueError: an array has another shape or cannot be read as numbers.
    """

    joints_2d_px: Array32
    confidence: Array32
    joints_3d_mm: Array32
    root_cam_mm: Array32
    box_xyxy_px: Array32
    camera: Camera
    person_id: int = 0
    spread_mm: Array32 | None = None
    feet_2d_px: Array32 = field(default_factory=_nothing)
    feet_confidence: Array32 = field(default_factory=_nothing)

    def __post_init__(self) -> None:
        for name, shape in POSE_SHAPES.items():
            object.__setattr__(self, name, _checked(name, getattr(self, name), shape))
        if self.spread_mm is not None:
            object.__setattr__(self, "spread_mm", _checked("spread_mm", self.spread_mm, (H36M17.num_joints,)))

    @property
    def joints_cam_mm(self) -> Array32:
        """(17, 3) joints in the camera frame; NaN if the root is unknown."""
        return self.joints_3d_mm + self.root_cam_mm

    @property
    def score(self) -> float:
        """Mean confidence of the joints, 0 to 1."""
        return float(self.confidence.mean())

    def __repr__(self) -> str:
        distance_m = float(np.linalg.norm(self.root_cam_mm)) / 1000
        place = f", {distance_m:.1f} m away" if np.isfinite(distance_m) else ""
        return f"<Pose of person {self.person_id}, confidence {self.score:.2f}{place}>"

    def _repr_html_(self) -> str:
        """The display in a notebook: the person from the front and from the side."""
        return f"<p>{html.escape(repr(self)[1:-1])}</p>{skeleton_svg(self.joints_3d_mm)}"

    def plot(self, ax: "Axes3D | None" = None) -> "Axes3D":
        """Draw the person in 3D, upright if the camera is level; needs Matplotlib, from hourlift[plots].

        Args:
            ax: 3D axes to draw into; None makes a figure.

        Raises:
            UserError: Matplotlib is not installed, or no joint is known.
        """
        joints_mm = _on_floor(self.joints_3d_mm @ _LEVEL.rotation.T)
        return plot_skeletons(joints_mm[None], self.confidence[None], ax=ax)

    def joint(self, name: str) -> "Joint":
        """One joint by its name, such as ``"l_wrist"``, or a point of `FOOT_POINTS`, whose position in 3D is unknown.

        Raises:
            ValueError: there is no joint of that name.
        """
        if name in FOOT_POINTS:
            i = FOOT_POINTS.index(name)
            return Joint(
                name=name,
                position_px=self.feet_2d_px[i],
                confidence=float(self.feet_confidence[i]),
                position_mm=np.full(3, np.nan, np.float32),
            )
        i = H36M17.index(name)
        return Joint(
            name=name,
            position_px=self.joints_2d_px[i],
            confidence=float(self.confidence[i]),
            position_mm=self.joints_3d_mm[i],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Joint:
    """One joint of a `Pose`: (2,) pixels, confidence, (3,) millimetres relative to the pelvis in camera axes."""

    name: str
    position_px: Array32
    confidence: float
    position_mm: Array32


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PoseFrame:
    """The people in one image of a video (or in a photo: index 0, time 0).

    Attributes:
        index: index of the image in its source, from 0.
        time_s: time in seconds from the first image.
        people: empty if no people were found.
        damaged: the image was damaged in its file, and the decoder had to conceal errors.
    """

    index: int
    time_s: float
    people: list[Pose] = field(default_factory=list)
    damaged: bool = False

    def __repr__(self) -> str:
        return f"<PoseFrame {self.index} at {self.time_s:.3f} s with {len(self.people)} people>"

    def _repr_html_(self) -> str:
        """The display in a notebook: all people in the image."""
        return f"<p>{html.escape(repr(self)[1:-1])}</p>{''.join(pose._repr_html_() for pose in self.people)}"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PoseSequence:
    """One person through a video: T frames in order, NaN (confidence: 0) where the person was not found.

    Attributes:
        person_id: the person's id.
        frame_index: (T,) int64, indices of the frames in their source.
        times_s: (T,) float64, time of each frame; not evenly spaced if the video's frame rate varies.
        joints_2d_px, confidence, joints_3d_mm, root_cam_mm, box_xyxy_px, feet_2d_px, feet_confidence: as in `Pose`,
            with T in front.
        camera: the camera of the frames.
        world: pose of that camera in the world frame; None if unknown.

    Raises:
        ValueError: an array's shape does not match T frames of 17 joints.
    """

    person_id: int
    frame_index: NDArray[np.int64]
    times_s: NDArray[np.float64]
    joints_2d_px: Array32
    confidence: Array32
    joints_3d_mm: Array32
    root_cam_mm: Array32
    box_xyxy_px: Array32
    camera: Camera
    world: World | None = None
    feet_2d_px: Array32 = field(default_factory=_nothing)
    feet_confidence: Array32 = field(default_factory=_nothing)

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame_index", np.asarray(self.frame_index, dtype=np.int64))
        object.__setattr__(self, "times_s", np.asarray(self.times_s, dtype=np.float64))
        num_frames = self.frame_index.shape[0] if self.frame_index.ndim == 1 else -1
        if num_frames < 0 or self.times_s.shape != (num_frames,):
            raise UserError(
                f"frame_index and times_s must be two lists of one length, "
                f"got shapes {self.frame_index.shape} and {self.times_s.shape}"
            )
        for name, shape in POSE_SHAPES.items():
            object.__setattr__(self, name, _checked(name, getattr(self, name), (num_frames, *shape)))

    @classmethod
    def from_frames(cls, frames: Iterable[PoseFrame], person_id: int = 0, world: World | None = None) -> "PoseSequence":
        """Collect one person from the frames of `predict_video`.

        Args:
            frames: in temporal order.
            person_id: the person's id.
            world: pose of the frames' camera in the world frame, if known.

        Raises:
            ValueError: the person is in none of the frames.
        """
        kept = frames if isinstance(frames, Sequence) else list(frames)
        arrays = {
            name: np.full((len(kept), *shape), unknown_value(name), np.float32) for name, shape in POSE_SHAPES.items()
        }
        frame_index, times_s = np.zeros(len(kept), np.int64), np.zeros(len(kept))
        camera: Camera | None = None
        known: set[int] = set()
        for i, frame in enumerate(kept):
            frame_index[i], times_s[i] = frame.index, frame.time_s
            known.update(pose.person_id for pose in frame.people)
            pose = next((pose for pose in frame.people if pose.person_id == person_id), None)
            if pose is not None:
                camera = camera or pose.camera
                for name, array in arrays.items():
                    array[i] = getattr(pose, name)
        if camera is None:
            raise UserError(f"person {person_id} is in none of the {len(kept)} frames; the people are {sorted(known)}")
        return cls(person_id=person_id, frame_index=frame_index, times_s=times_s, camera=camera, world=world, **arrays)

    def __len__(self) -> int:
        return len(self.frame_index)

    def __repr__(self) -> str:
        found = np.count_nonzero(self.present)
        return f"<PoseSequence of person {self.person_id}, found in {found} of {len(self)} frames>"

    def to_dataframe(self) -> "pandas.DataFrame":
        """One row for every frame and joint, as in a CSV file; needs pandas.

        Returns:
            Columns frame, time_s, person, joint, x_px, y_px, confidence, x_rel_mm, y_rel_mm, z_rel_mm (relative to the
            pelvis, camera axes), x_world_mm, y_world_mm, z_world_mm; unknown values are NaN.

        Raises:
            UserError: pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise UserError("to_dataframe needs the package pandas: pip install pandas") from error
        joints = len(H36M17.joint_names)
        columns: dict[str, object] = {
            "frame": np.repeat(self.frame_index, joints),
            "time_s": np.repeat(self.times_s, joints),
            "person": self.person_id,
            "joint": np.tile(H36M17.joint_names, len(self)),
            "confidence": self.confidence.ravel(),
        }
        for frame, points in (
            ("px", self.joints_2d_px),
            ("rel_mm", self.joints_3d_mm),
            ("world_mm", self.joints_world_mm),
        ):
            columns |= {f"{axis}_{frame}": points[..., i].ravel() for i, axis in enumerate("xyz"[: points.shape[-1]])}
        return pandas.DataFrame(columns)

    def plot(self, count: int = 6, ax: "Axes3D | None" = None) -> "Axes3D":
        """Draw the person in 3D at several times, side by side; needs Matplotlib, from hourlift[plots].

        People stand on the floor of `world`; if it is unknown, on their lowest joint.

        Args:
            count: number of frames, spread evenly over those in which the person was found.
            ax: 3D axes to draw into; None makes a figure.

        Raises:
            UserError: Matplotlib is not installed, or the person is in no frame.
        """
        found = np.flatnonzero(self.present)
        chosen = found[np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int)]
        joints_mm = _on_floor(self.joints_3d_mm[chosen] @ (self.world or _LEVEL).rotation.T)
        height_mm = self.joints_world_mm[chosen, ..., 2]
        joints_mm[..., 2] = np.where(np.isfinite(height_mm), height_mm, joints_mm[..., 2])
        joints_mm[..., 0] += np.arange(len(chosen))[:, None] * _PLOT_STEP_MM
        labels = [f"{time_s:.1f} s" for time_s in self.times_s[chosen]]
        return plot_skeletons(joints_mm, self.confidence[chosen], labels, ax)

    @property
    def present(self) -> NDArray[np.bool_]:
        """(T,) whether the person was found in the frame."""
        return np.asarray(np.isfinite(self.joints_3d_mm).all(axis=(1, 2)))

    @property
    def joints_cam_mm(self) -> Array32:
        """(T, 17, 3) joints in the camera frame; NaN where the person or the root is unknown."""
        return self.joints_3d_mm + self.root_cam_mm[:, None]

    @property
    def joints_world_mm(self) -> Array32:
        """(T, 17, 3) joints in the world, z up; NaN where the person, the root or the world is unknown."""
        if self.world is None:
            return np.full_like(self.joints_3d_mm, np.nan)
        return self.world.to_world(self.joints_cam_mm).astype(np.float32)

    @property
    def fps(self) -> float:
        """Frame rate by the median interval; NaN for fewer than two frames."""
        if len(self) < 2:
            return float("nan")
        step = float(np.median(np.diff(self.times_s)))
        return 1.0 / step if step > 0 else float("nan")


def _on_floor(joints_mm: NDArray[np.floating]) -> NDArray[np.floating]:
    """Move joints (..., 17, 3), z up, vertically until the lowest known one is at z = 0."""
    moved_mm = joints_mm.copy()
    known = np.isfinite(moved_mm[..., 2])
    moved_mm[..., 2] -= moved_mm[..., 2].min(axis=-1, keepdims=True, where=known, initial=np.inf)
    return moved_mm


def _checked(name: str, values: object, shape: tuple[int, ...]) -> Array32:
    """Values as a float32 array of exactly this shape, or a ValueError that says how it differs.

    The feet may be left out.
    """
    if isinstance(values, np.ndarray) and values.size == 0 and name.startswith("feet_"):
        return np.full(shape, unknown_value(name), np.float32)
    try:
        array = np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise UserError(f"{name} must be an array of numbers: {error}") from None
    if array.shape != shape:
        raise UserError(f"{name} must have shape {shape}, got {array.shape}")
    return array
