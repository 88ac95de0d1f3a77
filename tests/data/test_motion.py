"""Readers of recorded motion against positions worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from hourlift.data.mocap.bvh import _plain_name, _positions, _read_hierarchy, _read_motion
from hourlift.data.mocap.clip import TextLines, make_clip
from hourlift.data.mocap.motion import load_motion

TWO_JOINTS = """HIERARCHY
ROOT Hips
{{
    OFFSET 0 0 0
    CHANNELS 6 Xposition Yposition Zposition {order}
    JOINT Arm
    {{
        OFFSET 2 0 0
        CHANNELS 3 {order}
        End Site
        {{
            OFFSET 0 3 0
        }}
    }}
}}
MOTION
Frames: 1
Frame Time: 0.02
10 20 30 {angles} 0 0 90
"""


def limbs_bvh(unit: float = 100.0, angles: str = "0 0 0", frames: int = 2) -> str:
    """A person of Mixamo's joints, y up, thighs and shins of 0.42 m, whose root turns by `angles`."""

    def chain(*joints: tuple[str, tuple[float, float, float]], side: str) -> str:
        text = "End Site\n{\nOFFSET 0 1 0\n}\n"
        for name, offset in reversed(joints):
            numbers = " ".join(str(unit * value) for value in offset)
            head = f"JOINT {side}{name}\n{{\nOFFSET {numbers}\nCHANNELS 3 Zrotation Xrotation Yrotation\n"
            text = f"{head}{text}}}\n"
        return text

    sides = "".join(
        chain(("UpLeg", (0.1 * x, 0, 0)), ("Leg", (0, -0.42, 0)), ("Foot", (0, -0.42, 0)), side=side)
        + chain(("Arm", (0.18 * x, 0.48, 0)), ("ForeArm", (0.28 * x, 0, 0)), ("Hand", (0.25 * x, 0, 0)), side=side)
        for side, x in (("mixamorig:Left", 1), ("mixamorig:Right", -1))
    )
    channels = "Xposition Yposition Zposition Zrotation Xrotation Yrotation"
    root = f"ROOT mixamorig:Hips\n{{\nOFFSET 0 0 0\nCHANNELS 6 {channels}\n"
    row = f"0 {unit} 0 {angles} " + "0 0 0 " * 12
    return "HIERARCHY\n" + root + sides + f"}}\nMOTION\nFrames: {frames}\nFrame Time: 0.025\n" + (row + "\n") * frames


def test_the_channels_order_is_the_order_of_the_rotations(tmp_path: Path) -> None:
    # Rz(90) Rx(90): the arm's (2, 0, 0) turns to (0, 2, 0); Rx(90) Rz(90): it turns on to (0, 0, 2).
    expected = {
        ("Zrotation Xrotation Yrotation", "90 90 0"): (10, 22, 30),
        ("Xrotation Zrotation Yrotation", "90 90 0"): (10, 20, 32),
        ("Yrotation Zrotation Xrotation", "90 90 0"): (10, 22, 30),
        ("Zrotation Yrotation Xrotation", "90 90 0"): (10, 20, 28),
    }
    for (order, angles), arm in expected.items():
        file = tmp_path / "two.bvh"
        file.write_text(TWO_JOINTS.format(order=order, angles=angles))
        lines = TextLines(file)
        lines.next("HIERARCHY")
        joints = _read_hierarchy(lines)
        frames, seconds = _read_motion(lines, 9)
        np.testing.assert_allclose(_positions(joints, frames)[0, :2], [(10, 20, 30), arm], atol=1e-12)
        assert seconds == 0.02


def test_a_childs_rotation_is_within_its_parents(tmp_path: Path) -> None:
    # Root Rz(90) takes x to y and y to -x; the arm's Ry(90) leaves its end (0, 3, 0) where it is, Rx(90) -> (0, 0, 3).
    file = tmp_path / "two.bvh"
    file.write_text(TWO_JOINTS.format(order="Zrotation Yrotation Xrotation", angles="90 0 0"))
    lines = TextLines(file)
    lines.next("HIERARCHY")
    joints = _read_hierarchy(lines)
    frames, _ = _read_motion(lines, 9)
    np.testing.assert_allclose(_positions(joints, frames)[0, 2], (10, 22, 33), atol=1e-12)


@pytest.mark.parametrize("unit", [1.0, 100.0, 1000.0, 1 / 0.0254, 0.45 / 0.0254])
def test_a_bvh_becomes_metres_with_z_up(tmp_path: Path, unit: float) -> None:
    file = tmp_path / "standing.bvh"
    file.write_text(limbs_bvh(unit))
    (clip,) = load_motion(file)
    assert (clip.name, clip.fps, len(clip)) == ("standing", 40.0, 2)
    at = {name: clip.at(name)[0] for name in clip.joints}
    np.testing.assert_allclose(at["l_ankle"][2] - at["l_hip"][2], -0.84, atol=1e-5)
    left = (at["l_hip"] - at["r_hip"]) / 0.2
    np.testing.assert_allclose(at["l_shoulder"] - at["l_hip"], 0.08 * left + [0, 0, 0.48], atol=1e-5)
    assert at["pelvis"][2] == pytest.approx(1.0)
    assert np.linalg.norm(at["l_wrist"] - at["l_elbow"]) == pytest.approx(0.25, abs=1e-5)


def test_names_of_several_programs_are_known() -> None:
    names = {
        "LeftUpLeg": "l_upleg", "mixamorig:RightForeArm": "r_forearm", "thigh.R": "r_thigh", "lShldr": "l_shldr",
        "upperarm_l": "l_upperarm", "Bip01 L Calf": "l_calf", "RHip": "r_hip", "lefthip": "l_hip", "Hips": "hips",
        "LHipJoint": "l_hipjoint", "Spine1": "spine1", "LowerBack": "lowerback",
    }  # fmt: skip
    assert {name: _plain_name(name) for name in names} == names


def _edited(old: str, new: str) -> str:
    text = limbs_bvh()
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("some prose\n", 1, "no BVH file"),
        ("", 1, "file ends"),
        (limbs_bvh(frames=2).replace("Frames: 2", "Frames: 3"), 87, "frame 3 of 3"),
        (limbs_bvh(frames=2).replace("Frames: 2", "Frames: 1"), 87, "more than the 1 frames"),
        (limbs_bvh(frames=0), 84, "no frames"),
        (limbs_bvh(angles="0 nan 0"), 86, "nan is not a finite number"),
        (limbs_bvh(angles="0 0"), 86, "41 numbers instead of 42"),
        (limbs_bvh(angles="0 x 0"), 86, "are not numbers"),
        (_edited("mixamorig:LeftUpLeg", "Blob"), 6, "'Blob' is unknown, and no joint is known as l_hip"),
        (_edited("CHANNELS 3", "CHANNELS 4"), 9, "CHANNELS says 4, but 3 follow"),
        (_edited("CHANNELS 3 Zrotation", "CHANNELS 3 Wrotation"), 9, "Wrotation"),
        ("\n".join(limbs_bvh().splitlines()[:24]), 24, "the file ends where"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_bvh_is_told_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    file = tmp_path / "bad.bvh"
    file.write_text(text)
    with pytest.raises(ValueError, match=words) as caught:
        load_motion(file)
    message = str(caught.value)
    assert message.startswith(f"{file}:{line}:") and "\n" not in message


ASF = """# a comment
:version 1.10
:name test
:units
  mass 1.0
  length {length}
  angle deg
:root
  order TX TY TZ RX RY RZ
  axis XYZ
  position 0 0 0
  orientation 0 0 0
:bonedata
{bones}:hierarchy
  begin
    root lhipjoint rhipjoint lclavicle rclavicle
    lhipjoint lfemur
    lfemur ltibia
    rhipjoint rfemur
    rfemur rtibia
    lclavicle lhumerus
    lhumerus lradius
    rclavicle rhumerus
    rhumerus rradius
  end
"""
KNEE_AXIS = "90 0 90 XYZ"  # applied in this order it takes x to y, y to z and z to x


def _bone(number: int, name: str, direction: str, length: float, more: str = "") -> str:
    return f"  begin\n id {number}\n name {name}\n direction {direction}\n length {length}\n{more}  end\n"


def _asf(length: float = 1.0) -> str:
    scale = length / 0.0254  # so that the lengths below are metres
    bones = ""
    for side, x in (("l", "1 0 0"), ("r", "-1 0 0")):
        bones += _bone(1, f"{side}hipjoint", x, 0.1 * scale)
        bones += _bone(2, f"{side}femur", "0 -1 0", 0.42 * scale, " dof rx ry rz\n")
        bones += _bone(3, f"{side}tibia", "0 -2 0", 0.4 * scale, f" axis {KNEE_AXIS}\n dof rx\n")
        bones += _bone(4, f"{side}clavicle", x.replace(" 0 0", " 3 0"), 0.5 * scale)
        bones += _bone(5, f"{side}humerus", x, 0.3 * scale)
        bones += _bone(6, f"{side}radius", x, 0.25 * scale)
    return ASF.format(length=length, bones=bones)


def _amc(length: float = 1.0, *, root: str = "0 0 0", femur: str = "0 0 0", tibia: str = "0", frames: int = 1) -> str:
    height = 1 * length / 0.0254
    frame = f"root 0 {height} 0 {root}\nlfemur {femur}\nltibia {tibia}\nrfemur 0 0 0\nrtibia 0\n"
    return "#!OML:ASF\n:FULLY-SPECIFIED\n:DEGREES\n" + "".join(f"{i + 1}\n{frame}" for i in range(frames))


def _write(folder: Path, asf: str, amc: str) -> Path:
    (folder / "07.asf").write_text(asf)
    (folder / "07_01.amc").write_text(amc)
    return folder / "07_01.amc"


def test_amc_angles_turn_in_the_bones_own_axes(tmp_path: Path) -> None:
    # Femur: rx = 90 takes (0, -1, 0) to (0, 0, -1), and rz = 90 leaves it there. The tibia's own x is y in the axes of
    # the rest pose, along itself: it turns about itself, and shin and thigh stay parallel.
    (clip,) = load_motion(_write(tmp_path, _asf(0.45), _amc(0.45, femur="90 0 90", tibia="90")))
    hip, knee, ankle = (clip.at(name)[0] for name in ("l_hip", "l_knee", "l_ankle"))
    up, left = np.array([0, 0, 1.0]), hip - clip.at("r_hip")[0]
    back = np.cross(left / np.linalg.norm(left), up)  # file: x cross y = z
    np.testing.assert_allclose(knee - hip, -0.42 * back, atol=1e-5)
    np.testing.assert_allclose(ankle - knee, -0.4 * back, atol=1e-5)
    assert clip.at("pelvis")[0, 2] == pytest.approx(1.0, abs=1e-5)
    assert clip.fps == 120


def test_amc_angles_are_applied_in_the_order_of_their_names(tmp_path: Path) -> None:
    # Femur rz=90 after rx=0: (0, -1, 0) -> (1, 0, 0): to the left. Root rx=90 then rz=90: x -> x -> y.
    (clip,) = load_motion(_write(tmp_path, _asf(), _amc(root="90 0 90", femur="0 0 90")))
    hip, knee, pelvis = (clip.at(name)[0] for name in ("l_hip", "l_knee", "pelvis"))
    np.testing.assert_allclose(hip - pelvis, (0, 0, 0.1), atol=1e-5)
    np.testing.assert_allclose(knee - hip, (0, 0, 0.42), atol=1e-5)


@pytest.mark.parametrize(
    ("asf", "amc", "where", "words"),
    [
        (_asf(), "", "07_01.amc:1:", "no frames"),
        (_asf(), _amc()[:60], "07_01.amc:5:", "numbers instead of"),
        (_asf(), _amc() + "2\nroot 0 0 0 0 0 0\n", "07_01.amc:11:", "file ends where a bone of frame 2"),
        (_asf(), _amc(tibia="nan"), "07_01.amc:7:", "nan is not a finite number"),
        (_asf(), _amc(tibia="1 2"), "07_01.amc:7:", "2 numbers instead of 1"),
        (_asf(), _amc().replace("ltibia", "tail"), "07_01.amc:7:", "'tail' is no moving bone"),
        ("prose", _amc(), "07.asf:1:", "no ASF file"),
        (_asf()[:700], _amc(), "07.asf:55:", "the file ends where the end of a bone"),
        (_asf().replace("lfemur", "leftthigh"), _amc(), "07.asf:", "'leftthigh' is unknown"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_amc_is_told_with_its_line(
    tmp_path: Path, asf: str, amc: str, where: str, words: str
) -> None:
    file = _write(tmp_path, asf, amc)
    with pytest.raises(ValueError, match=words) as caught:
        load_motion(file)
    assert str(caught.value).startswith(f"{tmp_path}/{where}") and "\n" not in str(caught.value)


def test_an_amc_without_its_skeleton_says_so(tmp_path: Path) -> None:
    (tmp_path / "07_01.amc").write_text(_amc())
    with pytest.raises(ValueError, match=r"07_01\.asf or 07\.asf is not beside it"):
        load_motion(tmp_path / "07_01.amc")


def _npz(file: Path, **changes: object) -> Path:
    content: dict[str, object] = {
        "positions": np.zeros((3, 2, 3), np.float32), "joints": ["pelvis", "l_hip"], "fps": 30,
        "sequence_id": [0, 0, 1], "sequence_names": ["a", "b"], "action": ["walking", "dance"],
    }  # fmt: skip
    np.savez(file, **{key: value for key, value in (content | changes).items() if value is not None})
    return file


def test_an_npz_is_split_into_its_sequences(tmp_path: Path) -> None:
    clips = load_motion(_npz(tmp_path / "pack.npz"))
    assert [(clip.name, clip.action, len(clip), clip.fps) for clip in clips] == [
        ("a", "walking", 2, 30.0),
        ("b", "dance", 1, 30.0),
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"positions": None}, "has no positions"),
        ({"joints": ["pelvis", "blob"]}, "unknown joint names blob"),
        ({"joints": ["pelvis"]}, "not \\(any, 1, 3\\)"),
        ({"positions": np.zeros((0, 2, 3))}, "no frames"),
        ({"positions": np.full((3, 2, 3), np.nan)}, "frame 0 holds NaN only"),
    ],
)
def test_what_is_wrong_with_an_npz_is_told(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    file = _npz(tmp_path / "pack.npz", **changes)
    with pytest.raises(ValueError, match=words) as caught:
        load_motion(file)
    assert str(file) in str(caught.value)


def test_a_folder_is_read_whole_and_an_empty_one_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no motion"):
        load_motion(tmp_path)
    with pytest.raises(ValueError, match="does not exist"):
        load_motion(tmp_path / "nothing.bvh")
    (tmp_path / "text.txt").write_text("")
    with pytest.raises(ValueError, match="no file of motion"):
        load_motion(tmp_path / "text.txt")
    (tmp_path / "a.bvh").write_text(limbs_bvh())
    _npz(tmp_path / "pack.npz")
    assert [clip.name for clip in load_motion(tmp_path)] == ["a", "a", "b"]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("lying_at_rest", [False, True])
def test_the_vertical_is_found(axis: int, sign: int, lying_at_rest: bool) -> None:
    heights = {"hip": 0.9, "knee": 0.5, "ankle": 0.1, "shoulder": 1.4, "elbow": 1.1, "wrist": 0.9}
    standing = {
        side + name: np.roll([x, 0.1, sign * z], axis + 1)
        for side, x in (("l_", 0.2), ("r_", -0.2))
        for name, z in heights.items()
    }
    slanted = {name: at + (np.array([1.0, 1, 1]) * abs(at[axis])) for name, at in standing.items()}
    clip = make_clip("x", 30, slanted if lying_at_rest else standing, {name: at[None] for name, at in standing.items()})
    drop = clip.at("l_shoulder")[0] - clip.at("l_ankle")[0]
    np.testing.assert_allclose(drop / np.linalg.norm(drop), (0, 0, 1), atol=1e-6)
    # A rotation, no mirror image: front x left x up keeps its sense.
    before = np.linalg.det([standing[name] for name in ("l_hip", "r_hip", "l_elbow")])
    after = np.linalg.det([clip.at(name)[0] for name in ("l_hip", "r_hip", "l_elbow")])
    assert np.sign(before) == np.sign(after) != 0
