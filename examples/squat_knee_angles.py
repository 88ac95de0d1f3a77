"""Count squats and say how deep each one is: python examples/squat_knee_angles.py VIDEO."""

import sys

import numpy as np

import hourlift
from hourlift.geometry.angles import joint_angles

STANDING_DEG, SQUAT_DEG = 40.0, 70.0
"""Knees that bend less than the first are straight; a squat bends them more than the second."""


def squats(bend_deg: np.ndarray) -> list[tuple[int, float]]:
    """Frame and depth of each squat: the deepest bend between two times of standing."""
    found: list[tuple[int, float]] = []
    deepest: tuple[int, float] | None = None
    for frame, bend in enumerate(bend_deg):
        if bend > SQUAT_DEG and (deepest is None or bend > deepest[1]):
            deepest = (frame, float(bend))
        elif bend < STANDING_DEG and deepest is not None:
            found.append(deepest)
            deepest = None
    return found if deepest is None else [*found, deepest]


def main(video: str) -> list[tuple[int, float]]:
    """Print the squats of the first person."""
    track = hourlift.lift(video).sequence()
    angles = joint_angles(track.joints_3d_mm)
    bend_deg = (angles["l_knee_flexion"] + angles["r_knee_flexion"]) / 2  # 0 is a straight leg; NaN is not known
    print(f"knees bend from {np.nanmin(bend_deg):.0f} to {np.nanmax(bend_deg):.0f} degrees")
    found = squats(bend_deg)
    for number, (frame, depth_deg) in enumerate(found, start=1):
        print(f"squat {number}: {depth_deg:.0f} degrees at {track.times_s[frame]:.2f} s")
    return found


if __name__ == "__main__":
    main(sys.argv[1])
