"""Refining on people whose truth is known: bodies of constant bones before a camera, lifted more or less wrong."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from hourlift.geometry.bones import bone_lengths
from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import H36M17
from hourlift.pose import Pose
from hourlift.predict.world.limb_fit import Refiner, _Fit, refine_pose

CAMERA = Camera.from_fov((640, 480), 55.0)
ROOT = np.array([200.0, -100.0, 3500.0])
LENGTHS = {"hip": 135, "knee": 450, "ankle": 440, "spine": 235, "thorax": 255, "nose": 120, "head": 115,
           "shoulder": 150, "elbow": 280, "wrist": 250}  # fmt: skip


def people(count: int, seed: int = 0) -> np.ndarray:
    """Root-relative joints (count, 17, 3): bones of one person, in directions drawn at random."""
    rng = np.random.default_rng(seed)
    joints = np.zeros((count, 17, 3))
    for parent, child in H36M17.edges:
        way = rng.normal(size=(count, 3))
        length = LENGTHS[H36M17.joint_names[child].split("_")[-1]]
        joints[:, child] = joints[:, parent] + length * way / np.linalg.norm(way, axis=-1, keepdims=True)
    return joints


def lifted(true: np.ndarray, noise_mm: float, seed: int = 1, **changes: object) -> Pose:
    """The pose of a person whose 2D joints are right and whose 3D joints are not."""
    off = np.random.default_rng(seed).normal(scale=noise_mm, size=(17, 3))
    off[0] = 0
    fields = {
        "joints_2d_px": CAMERA.project(true + ROOT),
        "confidence": np.ones(17),
        "joints_3d_mm": true + off,
        "root_cam_mm": ROOT + [20.0, 10.0, 150.0],
        "box_xyxy_px": [0, 0, 10, 10],
        "camera": CAMERA,
    }
    return Pose(**(fields | changes))  # type: ignore[arg-type]


def errors(poses: list[Pose], truth: np.ndarray) -> np.ndarray:
    return np.array(
        [np.linalg.norm(pose.joints_3d_mm - true, axis=-1).mean() for pose, true in zip(poses, truth, strict=True)]
    )


def test_good_2d_joints_and_known_bones_make_noisy_3d_better() -> None:
    truth = people(20)
    poses = [lifted(true, 50.0, seed) for seed, true in enumerate(truth)]
    refined = [refine_pose(pose, bone_lengths(truth)) for pose in poses]
    before, after = errors(poses, truth), errors(refined, truth)
    assert after.mean() < 0.75 * before.mean()
    assert (after < before).mean() >= 0.95
    for pose, true in zip(refined, truth, strict=True):
        off_px = np.linalg.norm(CAMERA.project(pose.joints_cam_mm) - CAMERA.project(true + ROOT), axis=-1)
        assert np.median(off_px) < 3.0
        np.testing.assert_allclose(pose.joints_3d_mm[0], 0, atol=1e-4)


def test_the_truth_stays_where_it_is() -> None:
    true = people(1)[0]
    pose = lifted(true, 0.0, root_cam_mm=ROOT)
    refined = refine_pose(pose, bone_lengths(true[None]))
    np.testing.assert_allclose(refined.joints_cam_mm, pose.joints_cam_mm, atol=0.01)


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_wrong_2d_joints_are_let_go(share: float) -> None:
    truth, rng = people(20), np.random.default_rng(5)
    poses = []
    for seed, true in enumerate(truth):
        wrong_px = CAMERA.project(true + ROOT)
        wrong_px += rng.normal(scale=120.0, size=(17, 2)) * (rng.random((17, 1)) < share)
        poses.append(lifted(true, 30.0, seed, joints_2d_px=wrong_px, spread_mm=np.full(17, 40.0)))
    refined = [refine_pose(pose, bone_lengths(truth)) for pose in poses]
    moved = np.array(
        [np.linalg.norm(new.joints_3d_mm - old.joints_3d_mm, axis=-1) for old, new in zip(poses, refined, strict=True)]
    )
    assert moved.max() < 250  # however wrong the 2D joints are
    assert errors(refined, truth).mean() < errors(poses, truth).mean() + 12 * share


def test_where_the_lifter_doubts_the_2d_joints_decide() -> None:
    true = people(1)[0]
    wrist = H36M17.index("l_wrist")
    joints = true.copy()
    joints[wrist, 0] += 150
    moved = {}
    for spread in (10.0, 150.0):
        spreads = np.full(17, 10.0)
        spreads[wrist] = spread
        pose = lifted(true, 0.0, joints_3d_mm=joints, spread_mm=spreads, root_cam_mm=ROOT)
        moved[spread] = abs(refine_pose(pose, bone_lengths(true[None])).joints_3d_mm[wrist, 0] - joints[wrist, 0])
    assert moved[150.0] > 90 and moved[150.0] > 2 * moved[10.0]


def test_the_jacobian_is_the_derivative() -> None:
    true = people(1)[0]
    fit = _Fit.of(lifted(true, 40.0, confidence=np.linspace(0, 1, 17)), bone_lengths(true[None]))
    assert fit is not None
    x = fit.start.ravel() + np.random.default_rng(0).normal(scale=20, size=51)
    step = 0.01
    numeric = np.stack(
        [(fit.residuals(x + step * e) - fit.residuals(x - step * e)) / (2 * step) for e in np.eye(51)], axis=1
    )
    np.testing.assert_allclose(fit.jacobian(x), numeric, atol=1e-6)


def test_what_cannot_be_fitted_is_returned_as_it_is() -> None:
    pose = lifted(people(1)[0], 20.0)
    for change in ({"confidence": np.zeros(17)}, {"joints_3d_mm": np.full((17, 3), np.nan)}):
        changed = lifted(people(1)[0], 20.0, **change)
        assert refine_pose(changed, bone_lengths(pose.joints_3d_mm[None])) is changed


def test_a_track_keeps_the_bones_of_each_person() -> None:
    truth = people(40)
    refiner = Refiner()
    refined = [refiner([lifted(true, 40.0, seed)])[0] for seed, true in enumerate(truth)]
    alone = [refine_pose(lifted(true, 40.0, seed)) for seed, true in enumerate(truth)]
    assert errors(refined, truth)[20:].mean() < errors(alone, truth)[20:].mean()


def test_a_refiner_forgets_people_who_left_long_ago() -> None:
    refiner = Refiner()
    pose = lifted(people(1)[0], 40.0)
    for person in range(1, 200):
        refiner([replace(pose, person_id=0), replace(pose, person_id=person)])
    assert len(refiner._seen) == 64
    assert {0, 199} <= set(refiner._seen)  # who is still there is known


def test_without_scipy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ValueError, match=r"pip install 'hourlift\[refine\]'"):
        refine_pose(lifted(people(1)[0], 1.0))
