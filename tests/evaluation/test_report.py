"""Scores of outcomes whose truth is known by construction."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hourlift.data import Sample
from hourlift.data.frame_id import FrameId
from hourlift.evaluation import Outcome, Scores, contact_sheet, make_report, predict_samples
from hourlift.evaluation.pose_types import is_upright
from hourlift.geometry.camera import Camera
from hourlift.geometry.crop import Crop, box_from_joints
from hourlift.geometry.skeleton import H36M17
from hourlift.pose import Pose

CAMERA = Camera.from_fov((200, 160))
# A standing person with the arms half raised: x right, y down, z forward, mm, pelvis at zero.
STANDING_MM = np.array(
    [
        (0, 0, 0), (-130, 0, 10), (-150, 440, 0), (-160, 880, 60), (130, 0, -10), (150, 440, 0), (160, 880, 60),
        (0, -240, 0), (0, -490, 0), (0, -600, -60), (0, -720, 0), (150, -470, 0), (400, -400, 0), (600, -500, -80),
        (-150, -470, 0), (-400, -400, 0), (-600, -500, -80),
    ],
    dtype=np.float64,
)  # fmt: skip
ROOT_MM = np.array([100.0, -50.0, 4000.0])


def make_sample(name: str, joints_mm: np.ndarray = STANDING_MM) -> Sample:
    joints_px = CAMERA.project(joints_mm + ROOT_MM)
    return Sample(
        id=name,
        image=np.full((160, 200, 3), 90, dtype=np.uint8),
        joints_2d_px=joints_px.astype(np.float32),
        visible=np.ones(17, dtype=bool),
        box_xyxy_px=box_from_joints(joints_px).astype(np.float32),
        joints_3d_cam_mm=(joints_mm + ROOT_MM).astype(np.float32),
        camera=CAMERA,
    )


def make_pose(sample: Sample, joints_mm: np.ndarray = STANDING_MM) -> Pose:
    return Pose(
        joints_2d_px=sample.joints_2d_px.copy(),
        confidence=np.ones(17),
        joints_3d_mm=joints_mm,
        root_cam_mm=ROOT_MM,
        box_xyxy_px=sample.box_xyxy_px,
        camera=CAMERA,
    )


def outcome(change: Callable[[Pose], Pose | None] = lambda pose: pose, name: str = "a") -> Outcome:
    sample = make_sample(name)
    return Outcome(sample=sample, pose=change(make_pose(sample)), milliseconds=5.0)


def swap_knees(pose: Pose) -> Pose:
    left, right = H36M17.indices("l_knee", "r_knee")
    pose.joints_2d_px[[left, right]] = pose.joints_2d_px[[right, left]]
    return pose


def collapse_wrists(pose: Pose) -> Pose:
    left, right = H36M17.indices("l_wrist", "r_wrist")
    pose.joints_2d_px[left] = pose.joints_2d_px[right]
    return pose


def test_perfect_predictions() -> None:
    scores = make_report([outcome(), outcome()], "t", {}).groups["all"]
    assert (scores.people, scores.found) == (2, 2)
    assert scores.pck == 1 and set(scores.pck_per_joint.values()) == {1.0}
    assert (scores.swapped, scores.collapsed) == (0, 0)
    assert scores.mpjpe_mm < 1e-3 and scores.pa_mpjpe_mm < 1e-3


def test_a_person_who_is_not_found_misses_every_joint() -> None:
    scores = make_report([outcome(), outcome(lambda pose: None)], "t", {}).groups["all"]
    assert (scores.people, scores.found, scores.pck) == (2, 1, 0.5)
    assert scores.mpjpe_mm < 1e-3  # of the people found


def test_swapped_and_collapsed_pairs_are_counted() -> None:
    scores = make_report([outcome(swap_knees), outcome(collapse_wrists)], "t", {}).groups["all"]
    # Twelve limb pairs in two people, all of them apart.
    assert scores.swapped == pytest.approx(1 / 12) and scores.collapsed == pytest.approx(1 / 12)
    assert scores.pck == pytest.approx(1 - 3 / 24)
    assert scores.pck_per_joint["l_wrist"] == 0.5 and scores.pck_per_joint["r_wrist"] == 1


def test_errors_in_space() -> None:
    larger = make_report([outcome(lambda pose: replace(pose, joints_3d_mm=1.1 * STANDING_MM))], "t", {}).groups["all"]
    assert larger.mpjpe_mm == pytest.approx(0.1 * np.linalg.norm(STANDING_MM, axis=1).mean(), rel=1e-5)
    assert larger.n_mpjpe_mm < 1e-3
    turned_mm = STANDING_MM[:, [2, 1, 0]] * [-1, 1, 1]  # a right angle about the vertical
    turned = make_report([outcome(lambda pose: replace(pose, joints_3d_mm=turned_mm))], "t", {}).groups["all"]
    assert turned.n_mpjpe_mm > 100 and turned.pa_mpjpe_mm < 1e-3


def frame(action: str, number: int, off_mm: float = 0.0, subject: str = "S9", camera: str = "c") -> Outcome:
    """A frame of a video whose pose is larger than the truth, off_mm on average."""
    sample = make_sample(str(FrameId(subject=subject, action=action, camera=camera, frame=number)))
    scale = 1 + off_mm / np.linalg.norm(STANDING_MM, axis=1).mean()
    pose = replace(make_pose(sample), joints_3d_mm=scale * STANDING_MM)
    return Outcome(sample=sample, pose=pose, milliseconds=5.0)


def test_frame_mean_and_action_mean_have_names() -> None:
    outcomes = [frame("Walking", i, 10.0) for i in range(1, 4)] + [frame("Eating", 1, 50.0, subject="S11")]
    report = make_report(outcomes, "t", {})
    assert list(report.actions) == ["Eating", "Walking"] and list(report.subjects) == ["S9", "S11"]
    assert report.actions["Walking"].mpjpe_mm == pytest.approx(10, rel=1e-3)
    assert report.subjects["S11"].mpjpe_mm == pytest.approx(50, rel=1e-3)
    assert report.groups["all"].mpjpe_mm == pytest.approx((3 * 10 + 50) / 4, rel=1e-3)
    assert report.action_mean["mpjpe_mm"] == pytest.approx((10 + 50) / 2, rel=1e-3)
    assert report.action_mean["pa_mpjpe_mm"] < 1e-3
    text = report.to_markdown()
    assert "| frame mean | 100.0 % | 20.0 mm |" in text and "| action mean | 100.0 % | 30.0 mm |" in text
    assert "| S11 |" in text
    assert json.loads(report.to_json())["action_mean"]["mpjpe_mm"] == pytest.approx(30, rel=1e-3)


def test_without_actions_there_is_no_table_of_them() -> None:
    report = make_report([outcome()], "t", {})
    assert not report.actions and not report.action_mean and "action" not in report.to_markdown()


def test_motion_is_compared_from_frame_to_frame_of_one_film() -> None:
    """The pose stands still in truth; what is found grows by 6 mm on average with every frame."""
    growing = [frame("Walking", i, 6.0 * i) for i in (1, 2, 3)]
    still = [frame("Walking", i, 90.0, camera="d") for i in (1, 2)]
    assert make_report(growing, "t", {}).groups["all"].mpjve_mm == pytest.approx(6, rel=1e-3)
    both = make_report([growing[0], still[0], growing[1], still[1], growing[2]], "t", {}).groups["all"]
    assert both.mpjve_mm == pytest.approx((6 + 6 + 0) / 3, rel=1e-3)
    apart = make_report([growing[0], growing[2]], "t", {}).groups["all"]
    assert np.isnan(apart.mpjve_mm)  # frame 2 is missing between them
    assert np.isnan(make_report([outcome(), outcome()], "t", {}).groups["all"].mpjve_mm)


def test_every_joint_has_its_error() -> None:
    joints_mm = STANDING_MM.copy()
    joints_mm[H36M17.index("l_wrist")] += [30.0, 0.0, 40.0]
    scores = make_report([outcome(lambda pose: replace(pose, joints_3d_mm=joints_mm))], "t", {}).groups["all"]
    assert scores.mpjpe_per_joint_mm["l_wrist"] == pytest.approx(50, rel=1e-3)
    assert scores.mpjpe_per_joint_mm["r_wrist"] < 1e-3


def test_pck_on_heatmap_scale_and_of_heads() -> None:
    sample = make_sample("a")
    side = Crop.from_box(sample.box_xyxy_px, 1).side_px
    head_box = np.array([90.0, 20.0, 110.0, 40.0], np.float32)
    unit = 0.6 * np.hypot(20, 20)

    def found(off_px: float, head: bool) -> Scores:
        seen = replace(sample, head_box_xyxy_px=head_box if head else None)
        pose = replace(make_pose(seen), joints_2d_px=seen.joints_2d_px + [off_px, 0])
        return make_report([Outcome(sample=seen, pose=pose, milliseconds=1.0)], "t", {}).groups["all"]

    assert found(0.049 * side, False).accuracy == 1 and found(0.051 * side, False).accuracy == 0
    assert found(0.49 * unit, True).pckh == 1 and found(0.51 * unit, True).pckh == 0
    assert np.isnan(found(0.0, False).pckh)


def test_upright_people_are_scored_apart() -> None:
    lying = make_sample("lying", STANDING_MM[:, [1, 0, 2]])
    fallen = Outcome(sample=lying, pose=None, milliseconds=1.0)
    report = make_report([outcome(), fallen], "t", {})
    assert report.groups["all"].people == 2 and report.groups["all"].pck == 0.5
    assert report.groups["upright"].people == 1 and report.groups["upright"].pck == 1


@pytest.mark.parametrize(
    ("angle_deg", "expected"), [(0, True), (44, True), (-44, True), (46, False), (-90, False), (180, False)]
)
def test_upright_means_within_45_degrees(angle_deg: float, expected: bool) -> None:
    joints_px = np.zeros((1, 17, 2))
    angle = np.radians(angle_deg)
    joints_px[0, H36M17.index("thorax")] = np.sin(angle), -np.cos(angle)
    assert is_upright(joints_px)[0] == expected
    joints_px[0, 0] = np.nan
    assert not is_upright(joints_px)[0]


def test_reports_are_valid_json_and_readable() -> None:
    flat = Outcome(sample=replace(make_sample("a"), joints_3d_cam_mm=None), pose=None, milliseconds=7.0)
    report = make_report([flat], "Evaluation: x", {"weights": "w"})
    content = json.loads(report.to_json(), parse_constant=lambda token: pytest.fail(f"{token} is not JSON"))
    assert content["schema"] == 1 and content["settings"] == {"weights": "w"}
    assert content["groups"]["all"]["mpjpe_mm"] is None and content["groups"]["all"]["pck"] == 0
    text = report.to_markdown()
    assert "| people (found) | 1 (0) | 1 (0) |" in text and "MPJPE" not in text and "l_wrist" in text


def test_nobody_is_an_error() -> None:
    with pytest.raises(ValueError, match="no people"):
        make_report([], "t", {})


def test_the_box_is_given_or_not() -> None:
    sample, seen = make_sample("a"), []

    def predict(image: np.ndarray, boxes: np.ndarray | None, camera: Camera | None) -> list[Pose]:
        seen.append(boxes)
        assert camera is CAMERA and image is sample.image
        pose = make_pose(sample)
        return [replace(pose, box_xyxy_px=pose.box_xyxy_px + 60, person_id=1), replace(pose, person_id=2)]

    (given,) = predict_samples(predict, [sample])
    (searched,) = predict_samples(predict, [sample], whole_image=True)
    np.testing.assert_array_equal(seen[0], sample.box_xyxy_px[None])
    assert seen[1] is None
    assert searched.pose is not None and searched.pose.person_id == 2  # the nearer one
    assert given.milliseconds >= 0


def test_nobody_found_is_an_outcome() -> None:
    (outcome,) = predict_samples(lambda image, boxes, camera: [], [make_sample("a")], whole_image=True)
    assert outcome.pose is None


def test_a_refused_box_names_the_sample() -> None:
    def refuse(image: np.ndarray, boxes: np.ndarray | None, camera: Camera | None) -> list[Pose]:
        raise ValueError("box outside")

    with pytest.raises(ValueError, match="sample a: box outside"):
        list(predict_samples(refuse, [make_sample("a")]))


def test_contact_sheet_shows_poses_and_truth() -> None:
    outcomes = [outcome(name=str(i)) for i in range(3)] + [outcome(lambda pose: None)]
    sheet = contact_sheet(outcomes, count=10, columns=3, tile_px=96)
    assert sheet.shape == (192, 288, 3) and sheet.dtype == np.uint8
    assert (sheet[96:, 96:] == 0).all()  # unused tiles
    green = (sheet[..., 1].astype(int) - sheet[..., 0] > 80) & (sheet[..., 1].astype(int) - sheet[..., 2] > 80)
    assert green.any()
