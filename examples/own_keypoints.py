"""Lift 2D keypoints that you have already: python examples/own_keypoints.py [KEYPOINTS.json WIDTH HEIGHT].

The file holds people in COCO's order, each 17 pairs of pixels; null is a joint that is not known. Without a file, the
keypoints of a person who stands are lifted.
"""

import json
import sys

import numpy as np

import hourlift
from hourlift.geometry import COCO17, H36M17, map_joints

STANDING = [
    (322, 101), (330, 93), (314, 93), (341, 98), (303, 98),  # nose, eyes, ears
    (362, 152), (282, 152), (376, 215), (267, 215), (381, 272), (262, 272),  # shoulders, elbows, wrists
    (348, 275), (296, 275), (350, 360), (293, 360), (351, 440), (290, 440),  # hips, knees, ankles
]  # fmt: skip


def main(
    keypoints_px: list, image_wh: tuple[int, int], predictor: hourlift.PosePredictor | None = None
) -> list[hourlift.Pose]:
    """Print how high each pose is and how far away the person is."""
    coco = np.array(keypoints_px, dtype=float)  # (N, 17, 2); None becomes NaN
    joints_px = map_joints(coco, COCO17, H36M17)
    camera = hourlift.Camera.from_fov(image_wh, fov_deg=65.0)
    predictor = predictor or hourlift.PosePredictor()
    people = predictor.lift(joints_px, None, image_wh, camera)
    for person in people:
        height_mm = np.ptp(person.joints_3d_mm[:, 1])
        print(f"{height_mm:.0f} mm from the head to the ankles, {person.root_cam_mm[2] / 1000:.1f} m from the camera")
    return people


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with open(sys.argv[1], encoding="utf-8") as file:
            main(json.load(file), (int(sys.argv[2]), int(sys.argv[3])))
    else:
        main([STANDING], (640, 480))
