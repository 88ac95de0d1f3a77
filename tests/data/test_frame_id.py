"""Ids of frames."""

import numpy as np
import pytest

from hourlift.data.frame_id import FrameId
from hourlift.data.sample import Sample


@pytest.mark.parametrize("take", [0, 2])
def test_an_id_tells_its_source(take: int) -> None:
    source = FrameId(subject="S11", action="SittingDown", take=take, camera="54138969", frame=1234567)
    assert FrameId.parse(str(source)) == source
    assert source.video == ("S11", "SittingDown", take, "54138969")


def test_ids_are_those_of_mmposes_pictures() -> None:
    source = FrameId(subject="S1", action="Directions", take=1, camera="54138969", frame=1)
    assert str(source) == "S1_Directions_1.54138969_000001"


@pytest.mark.parametrize(
    "other", ["17", "synthetic-0-1", "S1_Directions.54138969", "xS1_Walking.1_000001", "S1_A.1_1x"]
)
def test_other_ids_tell_nothing(other: str) -> None:
    assert FrameId.parse(other) is None


def test_what_no_id_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="an action by letters"):
        FrameId(subject="S1", action="Walk Dog", camera="1", frame=1)


def test_a_sample_knows_its_source() -> None:
    joints = np.zeros((17, 2), np.float32)
    sample = Sample(
        id="S9_Eating_1.60457274_000051",
        image=np.zeros((4, 4, 3), np.uint8),
        joints_2d_px=joints,
        visible=np.ones(17, bool),
        box_xyxy_px=np.zeros(4, np.float32),
    )
    assert sample.frame_id == FrameId(subject="S9", action="Eating", take=1, camera="60457274", frame=51)
