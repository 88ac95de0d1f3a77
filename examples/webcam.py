"""Follow a person before the webcam and print how high the left hand is: python examples/webcam.py [SECONDS]."""

import sys

import hourlift
from hourlift.media.live import LiveReport, LiveShot, run_live
from hourlift.media.webcam import Webcam


def show(shot: LiveShot, report: LiveReport) -> None:
    """Say what the newest image shows; `run_live` calls this for every image that it has worked on."""
    for person in shot.frame.people:
        above_pelvis_mm = -person.joint("l_wrist").position_mm[1]  # y points down
        print(f"{shot.frame.time_s:6.2f} s  left hand {above_pelvis_mm:5.0f} mm above the pelvis")


def main(seconds: float = 10.0) -> LiveReport:
    """Work on the newest image at any time, for so many seconds."""
    predictor = hourlift.PosePredictor()
    with Webcam(0) as camera:
        report = run_live(camera, predictor.follow(), show, seconds=seconds)
    print(f"{report.shown} of {report.captured} images, latency {report.latency_ms():.0f} ms")
    return report


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
