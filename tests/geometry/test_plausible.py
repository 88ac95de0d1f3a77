import numpy as np
import pytest

from hourlift.geometry.plausible import LENGTHS, asymmetry, plausibility, wrong_elbows, wrong_knees
from hourlift.geometry.skeleton import H36M17


def standing(knee_deg: float = 0.0, elbow_deg: float = 0.0) -> np.ndarray:
    """A person who faces -y with the left at +x, z up, mm; knees bend backward, elbows forward by these angles."""
    joints = np.zeros((17, 3))
    places = {"spine": (0, 0, 235), "thorax": (0, 0, 490), "nose": (0, -40, 600), "head": (0, -20, 710)}
    for name, place in places.items():
        joints[H36M17.index(name)] = place
    knee, elbow = np.radians([knee_deg, elbow_deg])
    for side, sign in (("l", 1), ("r", -1)):
        hip, shoulder = np.array([sign * 130, 0, 0]), np.array([sign * 150, 0, 490])
        shin, forearm = np.array([0, np.sin(knee), -np.cos(knee)]), np.array([0, -np.sin(elbow), -np.cos(elbow)])
        limb = {"hip": hip, "knee": hip - [0, 0, 445], "shoulder": shoulder, "elbow": shoulder - [0, 0, 280]}
        limb |= {"ankle": limb["knee"] + 445 * shin, "wrist": limb["elbow"] + 250 * forearm}
        for name, place in limb.items():
            joints[H36M17.index(f"{side}_{name}")] = place
    return joints


def turned(joints: np.ndarray, seed: int) -> np.ndarray:
    """The same in other axes: a proper rotation."""
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return joints @ (rotation * np.sign(np.linalg.det(rotation)))


@pytest.mark.parametrize("seed", range(3))
def test_knees_bend_backward_and_elbows_forward(seed: int) -> None:
    right, wrong = turned(standing(60, 60), seed), turned(standing(-60, -60), seed)
    assert not wrong_knees(right).any() and not wrong_elbows(right).any()
    assert wrong_knees(wrong).all() and wrong_elbows(wrong).all()
    assert wrong_knees(right * [1, 1, -1]).all()  # in a mirror forward and backward change places


def test_what_is_nearly_straight_bends_nowhere() -> None:
    assert not wrong_knees(standing(-15)).any() and not wrong_elbows(standing(0, -15)).any()


def test_a_raised_thigh_carries_forward_with_it() -> None:
    sitting = standing()
    for side in ("l", "r"):
        hip, knee, ankle = H36M17.indices(f"{side}_hip", f"{side}_knee", f"{side}_ankle")
        sitting[knee] = sitting[hip] + [0, -445, 0]
        sitting[ankle] = sitting[knee] + [0, 0, -445]
    assert not wrong_knees(sitting).any()
    for side in ("l", "r"):
        sitting[H36M17.index(f"{side}_ankle")] += [0, 0, 890]
    assert wrong_knees(sitting).all()


def test_a_raised_arm_is_not_judged() -> None:
    joints = standing(0, -60)
    for side in ("l", "r"):
        shoulder, elbow, wrist = H36M17.indices(f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist")
        joints[[elbow, wrist]] = 2 * joints[shoulder] - joints[[elbow, wrist]]
    assert not wrong_elbows(joints).any()


def test_shares_and_lengths() -> None:
    short = standing()
    short[H36M17.index("l_wrist")] = short[H36M17.index("l_elbow")] + [0, 0, -100]
    result = plausibility(np.stack([standing(60, 60), standing(-60, 60), standing(60, -60), short]))
    assert (result.knee_wrong, result.elbow_wrong, result.lengths_wrong) == (0.25, 0.25, 0.25)
    np.testing.assert_allclose(asymmetry(np.stack([standing(), short])), [0, 2 * 150 / 350], atol=1e-9)
    assert set(LENGTHS) <= {name.split("_")[-1] for name in H36M17.joint_names}
