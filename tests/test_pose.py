import numpy as np
import pytest

import hourlift
from hourlift import Camera, Pose, PoseSequence
from hourlift.geometry.world import World
from hourlift.pose import PoseFrame

CAMERA = Camera.from_fov((640, 480))


def make_pose(**changes: object) -> Pose:
    fields: dict[str, object] = {
        "joints_2d_px": np.arange(34).reshape(17, 2),
        "confidence": np.linspace(0, 1, 17),
        "joints_3d_mm": np.arange(51).reshape(17, 3),
        "root_cam_mm": [10, 20, 3000],
        "box_xyxy_px": [0, 0, 50, 100],
        "camera": CAMERA,
    }
    return Pose(**(fields | changes))  # type: ignore[arg-type]


def test_arrays_become_float32() -> None:
    pose = make_pose()
    assert {a.dtype for a in (pose.joints_2d_px, pose.confidence, pose.root_cam_mm)} == {np.dtype(np.float32)}


def test_joints_in_the_camera_frame_are_relative_joints_plus_root() -> None:
    pose = make_pose()
    np.testing.assert_allclose(pose.joints_cam_mm[1], [13, 24, 3005])
    assert np.isnan(make_pose(root_cam_mm=[np.nan] * 3).joints_cam_mm).all()


def test_joint_by_name() -> None:
    joint = make_pose().joint("l_wrist")
    np.testing.assert_array_equal(joint.position_px, [26, 27])
    np.testing.assert_array_equal(joint.position_mm, [39, 40, 41])
    assert joint.confidence == pytest.approx(13 / 16)
    with pytest.raises(ValueError, match="no joint 'left_wrist'.*l_wrist"):
        make_pose().joint("left_wrist")


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("joints_2d_px", np.zeros((16, 2)), r"joints_2d_px must have shape \(17, 2\), got \(16, 2\)"),
        ("joints_3d_mm", np.zeros((1, 17, 3)), "joints_3d_mm must have shape"),
        ("root_cam_mm", None, "root_cam_mm must have shape"),
        ("confidence", ["high"] * 17, "confidence must be an array of numbers"),
    ],
)
def test_wrong_arrays_are_refused(field: str, value: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make_pose(**{field: value})


def test_sequence_has_nan_where_the_person_is_absent() -> None:
    frames = [
        PoseFrame(index=0, time_s=0.0, people=[make_pose()]),
        PoseFrame(index=1, time_s=0.04, people=[make_pose(person_id=3)]),
        PoseFrame(index=2, time_s=0.08, people=[make_pose(person_id=3), make_pose()]),
    ]
    sequence = PoseSequence.from_frames(frames)
    assert sequence.present.tolist() == [True, False, True]
    assert np.isnan(sequence.joints_cam_mm[1]).all()
    assert sequence.confidence[1].tolist() == [0.0] * 17
    assert len(sequence) == 3
    assert sequence.fps == pytest.approx(25)
    np.testing.assert_array_equal(sequence.joints_2d_px[2], frames[0].people[0].joints_2d_px)


def test_joints_in_the_world() -> None:
    frames = [PoseFrame(index=0, time_s=0.0, people=[make_pose()])]
    assert np.isnan(PoseSequence.from_frames(frames).joints_world_mm).all()
    world = World.from_up([0, -1, 0], 1500, "default")
    sequence = PoseSequence.from_frames(frames, world=world)
    np.testing.assert_allclose(sequence.joints_world_mm[0, 1], [13, 3005, 1500 - 24])


def test_sequence_of_an_unknown_person_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"person 7 is in none of the 1 frames; the people are \[0\]"):
        PoseSequence.from_frames([PoseFrame(index=0, time_s=0.0, people=[make_pose()])], person_id=7)


def test_public_names_load_lazily_and_unknown_ones_are_attribute_errors() -> None:
    assert set(hourlift.__all__) <= set(dir(hourlift))
    assert hourlift.H36M17.num_joints == 17
    with pytest.raises(AttributeError, match="no attribute 'Poses'"):
        _ = hourlift.Poses
