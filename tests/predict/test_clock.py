"""Times that always grow."""

import numpy as np
import pytest

from hourlift.media.clock import Clock, typical_rate


def times(stamps: list[float | None], *, joined: bool = False) -> list[float]:
    clock = Clock("video.ts", 0.1, may_be_joined=joined)
    return [time_s for _, time_s in clock.timed((None, stamp) for stamp in stamps)]


@pytest.mark.parametrize(
    ("stamps", "expected", "warns"),
    [
        ([5.0, 5.1, 5.2], [0, 0.1, 0.2], False),  # starts late
        ([-0.2, -0.1, 0.0], [0, 0.1, 0.2], False),
        ([0, 0.1, 0.7, 0.8], [0, 0.1, 0.7, 0.8], False),  # a variable rate
        ([None, None, None], [0, 0.1, 0.2], False),
        ([0, None, 0.2], [0, 0.1, 0.2], False),
        ([1.4, 1.5, 1.6, 1.4, 1.5, 1.6], [0, 0.1, 0.2, 0.3, 0.4, 0.5], True),  # starts again
        ([3, 3, 3, 3], [0, 0.1, 0.2, 0.3], True),  # all the same
        ([0.3, 0.2, 0.1], [0, 0.1, 0.2], True),  # backwards
        ([0, 0.1, 0.1, 0.3], [0, 0.1, 0.2, 0.3], False),  # one out of step
        ([0, 0.1, 36000.2, 36000.3], [0, 0.1, 0.2, 0.3], True),  # ten hours of one image
        ([0, 0.1, 60.1, 60.2], [0, 0.1, 60.1, 60.2], False),
        ([0.0], [0], False),
        ([], [], False),
    ],
)
def test_time_goes_on(
    stamps: list[float | None], expected: list[float], warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    np.testing.assert_allclose(times(stamps), expected, atol=1e-9)
    assert bool(caplog.records) == warns


def test_a_jump_of_a_minute_is_a_joint_where_files_are_joined() -> None:
    np.testing.assert_allclose(times([0, 0.1, 60.1, 60.2], joined=True), [0, 0.1, 0.2, 0.3], atol=1e-9)


def test_typical_rate() -> None:
    assert typical_rate([0.0, 0.033, 0.067, 0.1]) == pytest.approx(30)
    assert typical_rate([0.2, 0.0, 0.1, 36000.0, 36000.1]) == pytest.approx(10)  # out of order, with a gap
    assert typical_rate([1.0]) is typical_rate([]) is typical_rate([2.0, 2.0]) is None
