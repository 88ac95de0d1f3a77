"""Kinds of poses, kinds of mistakes, reliability: people and predictions made so that the answer is known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hourlift.data import Sample
from hourlift.evaluation import Outcome, analyse, limb_scores, truth_sheet
from hourlift.evaluation.mistakes import KINDS, UNKNOWN, classify
from hourlift.evaluation.pose_types import facing_camera, pose_types, trunk_angle_deg
from hourlift.evaluation.reliability import reliability
from hourlift.geometry.camera import Camera
from hourlift.geometry.crop import box_from_joints
from hourlift.geometry.skeleton import H36M17
from hourlift.metrics import torso_length
from hourlift.pose import Pose

# A person who stands facing the camera with the arms hanging a little out; hundreds of pixels.
STANDING = {
    "pelvis": (200, 200), "r_hip": (185, 200), "r_knee": (180, 260), "r_ankle": (178, 320), "l_hip": (215, 200),
    "l_knee": (220, 260), "l_ankle": (222, 320), "spine": (200, 160), "thorax": (200, 120), "nose": (200, 100),
    "head": (200, 80), "l_shoulder": (230, 122), "l_elbow": (250, 160), "l_wrist": (260, 200),
    "r_shoulder": (170, 122), "r_elbow": (150, 160), "r_wrist": (140, 200),
}  # fmt: skip


def person(**moved: tuple[float, float]) -> np.ndarray:
    return np.array([(STANDING | moved)[name] for name in H36M17.joint_names], np.float64)


def turned(joints: np.ndarray, degrees: float) -> np.ndarray:
    """Clockwise in the image, about its middle."""
    angle = np.radians(degrees)
    return (joints - 200) @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + 200


def kinds(joints: np.ndarray) -> dict[str, set[str]]:
    return {
        aspect: {kind for kind, mask in masks.items() if mask[0]} for aspect, masks in pose_types(joints[None]).items()
    }


def test_somebody_who_stands() -> None:
    assert kinds(person()) == {"trunk": {"upright"}, "facing": {"the camera"}, "limbs": {"other"}}


@pytest.mark.parametrize(
    ("degrees", "trunk"), [(0, "upright"), (44, "upright"), (-46, "leaning"), (89, "leaning"), (91, "head below hips")]
)
def test_the_trunk_is_told_by_its_angle_and_the_rest_does_not_depend_on_it(degrees: float, trunk: str) -> None:
    assert trunk_angle_deg(turned(person(), degrees)) == pytest.approx(abs(degrees))
    assert kinds(turned(person(), degrees)) == kinds(person()) | {"trunk": {trunk}}


def test_facing_is_told_by_which_side_the_left_is_on() -> None:
    behind = person()[H36M17.flip_permutation]
    assert facing_camera(behind) == pytest.approx(-facing_camera(person()))
    assert kinds(behind)["facing"] == {"away"}
    aside = (person() - 200) * [0.2, 1] + 200
    assert kinds(aside)["facing"] == {"sideways"}


@pytest.mark.parametrize(
    ("moved", "kind"),
    [
        ({"l_wrist": (270, 70), "l_elbow": (255, 100)}, "arm raised"),
        ({"r_wrist": (200, 160)}, "arm before the trunk"),
        ({"r_knee": (240, 205), "l_knee": (270, 190), "r_ankle": (265, 262), "l_ankle": (295, 250)}, "hip bent"),
        ({"l_ankle": (260, 230)}, "knee bent"),
        ({"r_knee": (120, 220), "l_knee": (280, 220), "r_ankle": (60, 240), "l_ankle": (340, 240)}, "legs spread"),
        ({"r_ankle": (230, 320), "l_ankle": (170, 318)}, "legs crossed"),
        ({"r_wrist": (270, 175), "l_wrist": (130, 178)}, "arms crossed"),
    ],
)
def test_limbs(moved: dict[str, tuple[float, float]], kind: str) -> None:
    assert kinds(person(**moved))["limbs"] == {kind}


def test_what_is_not_known_belongs_to_no_kind() -> None:
    joints = person()
    joints[H36M17.indices("thorax", "l_shoulder")] = np.nan
    assert kinds(joints)["trunk"] == kinds(joints)["facing"] == set()


def test_where_a_joint_went() -> None:
    true = person()
    torso = float(torso_length(true, H36M17))
    found = true.copy()
    left, right, elbow, knee, head, nose = H36M17.indices("l_wrist", "r_wrist", "l_elbow", "l_knee", "head", "nose")
    found[left] = true[right] + [0.1 * torso, 0]
    found[elbow] = true[elbow] + [0.4 * torso, 0]
    found[knee] = true[head]
    found[head] = [1000, 1000]
    true[nose] = np.nan
    kinds = classify(found[None], true[None], np.array([torso]))[0]
    names = [KINDS[kind] for kind in kinds[[left, right, elbow, knee, head]]]
    assert names == ["on the other side", "right", "near", "on another joint", "elsewhere"]
    assert kinds[nose] == UNKNOWN
    assert (classify(found[None], true[None], np.array([np.nan])) == UNKNOWN).all()
    assert KINDS[classify(np.full((1, 17, 2), np.nan), true[None], np.array([torso]))[0, left]] == "elsewhere"


def test_reliability_of_made_up_confidence() -> None:
    """Of joints said to be c, a share c^2 is right: E|c - c^2| is 1/2 - 1/3, and the ranking has a closed form too."""
    rng = np.random.default_rng(0)
    said = rng.uniform(size=200_000)
    right = rng.uniform(size=said.size) < said**2
    measured = reliability(said, right, bins=50)
    assert measured.error == pytest.approx(1 / 6, abs=0.004)
    assert sum(measured.counts) == said.size
    assert np.array(measured.right) == pytest.approx(np.array(measured.confidence) ** 2, abs=0.03)
    # P(a right one is more confident): densities 3 c^2 and (1 - c^2) 3/2; the integral of c^3 (1 - c^2) 3/2 is 1/8.
    assert measured.ranking == pytest.approx(1 - 1 / 8, abs=0.004)
    assert reliability(right.astype(float), right).error == 0 and reliability(right, right).ranking == 1
    assert reliability(np.full(9, 0.5), np.arange(9) < 4).ranking == 0.5
    assert np.isnan(reliability([], []).error)


def outcome(name: str, joints: np.ndarray, found: np.ndarray | None, confidence: float = 0.5) -> Outcome:
    image = np.full((400, 400, 3), 90, np.uint8)
    camera = Camera.from_fov((400, 400))
    sample = Sample(
        id=name,
        image=image,
        joints_2d_px=joints.astype(np.float32),
        visible=np.ones(17, bool),
        box_xyxy_px=box_from_joints(joints).astype(np.float32),
    )
    if found is None:
        return Outcome(sample=sample, pose=None, milliseconds=1.0)
    pose = Pose(
        joints_2d_px=found,
        confidence=np.full(17, confidence),
        joints_3d_mm=np.zeros((17, 3)),
        root_cam_mm=np.zeros(3),
        box_xyxy_px=sample.box_xyxy_px,
        camera=camera,
    )
    return Outcome(sample=sample, pose=pose, milliseconds=1.0)


def test_groups_add_up() -> None:
    standing, upside_down = person(), turned(person(), 180)
    mirrored = upside_down[H36M17.flip_permutation]
    outcomes = [
        outcome("a", standing, standing, 0.95),
        outcome("b", upside_down, mirrored),
        outcome("c", standing, None),
    ]
    analysis = analyse(outcomes, "t", {"weights": "w"})
    assert (analysis.overall.people, analysis.overall.pck) == (3, pytest.approx(1 / 3))
    assert analysis.overall.either_side == pytest.approx(2 / 3)
    trunk = analysis.groups["trunk"]
    assert (trunk["upright"].people, trunk["upright"].pck) == (2, 0.5)
    below = trunk["head below hips"]
    assert (below.people, below.pck, below.either_side, below.swapped, below.pairs) == (1, 0, 1, 1, 6)
    for name in (
        "torso over the crop's side",
        "crop's side in the image, px",
        "annotated limb joints",
        "person's mean confidence",
    ):
        assert sum(group.people for group in analysis.groups[name].values()) == 3
    assert analysis.mistakes["joint"]["l_wrist"] == pytest.approx(
        {"right": 1 / 3, "on the other side": 1 / 3, "near": 0, "on another joint": 0, "elsewhere": 1 / 3}
    )
    assert analysis.reliability.counts[9] == 17 and analysis.reliability.right[9] == 1
    assert analysis.reliability.counts[0] == 17 and analysis.reliability.right[0] == 0  # of who was not found
    assert limb_scores(outcomes[1]) == below
    assert "visibility" not in analysis.mistakes


def test_visibility_where_the_data_set_tells() -> None:
    found = person()
    found[H36M17.index("l_wrist")] += 500
    plain = outcome("a", person(), found)
    states = np.full(17, 3, np.uint8)
    states[H36M17.indices("l_wrist", "r_wrist")] = 1
    shares = analyse([replace(plain, sample=replace(plain.sample, visibility=states))], "t", {}).mistakes["visibility"]
    assert shares["occluded"]["right"] == 0.5 and shares["visible"]["right"] == 1
    assert np.isnan(shares["outside"]["right"])


def test_the_analysis_is_json_and_markdown() -> None:
    analysis = analyse([outcome("a", person(), None)], "Analysis: x", {"weights": "w"})
    content = json.loads(analysis.to_json(), parse_constant=lambda token: pytest.fail(f"{token} is not JSON"))
    assert content["groups"]["trunk"]["leaning"]["pck"] is None and content["reliability"]["right"][5] is None
    text = analysis.to_markdown()
    assert "| upright | 1 | 0.0 % |" in text and "| leaning |" not in text and "| l_wrist | 0.0 % |" in text
    with pytest.raises(ValueError, match="no people"):
        analyse([], "t", {})


def test_the_sheet_shows_truth_and_prediction_side_by_side() -> None:
    shifted = outcome("a", person(), person() + [30, 0], confidence=0.01)
    nobody = outcome("b", person(), None)
    sheet = truth_sheet([shifted, nobody, shifted], ["first", "second", "third"], columns=2, tile_px=150)
    assert sheet.shape == (2 * 170, 2 * 300, 3)
    truth, found = sheet[:150, :150].astype(int), sheet[:150, 150:300].astype(int)
    drawn = [np.nonzero((tile != 90).any(-1) & (tile != 0).any(-1))[1].mean() for tile in (truth, found)]
    side = 150 / (1.3 * (box_from_joints(person())[3] - box_from_joints(person())[1]))
    assert drawn[1] - drawn[0] == pytest.approx(30 * side, abs=1)  # as sure as the truth, however unsure
    alone = sheet[:150, 450:600]
    assert (alone.max(-1) == alone.min(-1)).all()  # nobody found: the grey image
    assert (sheet[150:170, :300] > 100).any() and not sheet[170:, 300:].any()
