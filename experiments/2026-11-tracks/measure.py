"""What smoothing, height and levelling do to tracks, on rendered clips with known joints and a known camera.

python experiments/2026-11-tracks/measure.py --motion mocap/cmu.npz --cache clips
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import tyro

from hourlift import Camera, PosePredictor, PoseSequence
from hourlift.geometry import H36M17, box_from_joints
from hourlift.geometry.bones import bone_lengths, standing_height
from hourlift.metrics import acceleration_error, mpjpe, pa_mpjpe
from hourlift.pose import PoseFrame
from hourlift.predict.temporal.kalman import smooth_series
from hourlift.predict.temporal.one_euro import LiveSmoother
from hourlift.predict.temporal.smooth import SmoothConfig, smooth_track
from hourlift.predict.world.finish import finish
from hourlift.predict.world.floor import find_world, with_height
from hourlift.synth.clip import render_clip
from hourlift.synth.core.draw import Draw
from hourlift.synth.generate import Generator, SynthConfig
from hourlift.training.lifter.detection_errors import DetectionErrors, disturb

FPS = 30.0
ANKLES = H36M17.indices("l_ankle", "r_ankle")
ON_FLOOR_MM = 110.0  # a lower ankle that is truly below this stands on the floor


@dataclass(frozen=True)
class Truth:
    seed: int
    joints_mm: np.ndarray  # (T, 17, 3) in the camera frame
    joints_px: np.ndarray
    camera: Camera
    to_world: np.ndarray  # (3, 3)
    eye_mm: np.ndarray

    @property
    def relative_mm(self) -> np.ndarray:
        return self.joints_mm - self.joints_mm[:, :1]

    @property
    def world_mm(self) -> np.ndarray:
        return self.joints_mm @ self.to_world.T + self.eye_mm

    @property
    def on_one_floor(self) -> bool:
        """Whether feet that rest do so at one height: some people of the motion capture climb."""
        ankles = self.world_mm[:, ANKLES]
        resting = np.linalg.norm(np.gradient(ankles, axis=0), axis=-1) * FPS < 200
        return bool(np.ptp(np.quantile(ankles[..., 2][resting], [0.1, 0.9])) < 100)

    @property
    def height_mm(self) -> float:
        return standing_height(bone_lengths(self.joints_mm))


def main(motion: Path, cache: Path, clips: int = 6, first_seed: int = 1, seconds: float = 4.0, size: int = 192) -> None:
    """Measure.

    Args:
        motion: motion capture, as `hourlift synth --motion` takes it.
        cache: folder that rendered clips are kept in.
        clips: how many.
        first_seed: of the clips.
        seconds: their length.
        size: side of their images, pixels.
    """
    torch.set_num_threads(1)
    predictor = PosePredictor(threads=1)
    cache.mkdir(parents=True, exist_ok=True)
    files = list(rendered(motion, cache, range(first_seed, first_seed + clips), round(seconds * FPS), size))
    truths = [read_truth(file) for file in files]
    sources = {
        "hourglass": [found(predictor, file, truth) for file, truth in zip(files, truths, strict=True)],
        "true 2D joints with errors": [disturbed(predictor, truth) for truth in truths],
    }
    for name, frames in sources.items():
        print(f"\n## {name}\n")
        table_of_smoothing(truths, frames, predictor)
        print()
        table_of_places(truths, frames)


def rendered(motion: Path, cache: Path, seeds: range, num_frames: int, size: int) -> Iterator[Path]:
    files = {seed: cache / f"clip-{seed}-{num_frames}-{size}.npz" for seed in seeds}
    generator = None
    for seed, file in files.items():
        if not file.exists():
            generator = generator or Generator(SynthConfig(size=size, motion=motion))
            with torch.no_grad():
                clip = render_clip(generator, seed, num_frames, fps=FPS)
            np.savez_compressed(file, **{name: value.numpy() for name, value in vars(clip).items()})
        yield file


def read_truth(file: Path) -> Truth:
    with np.load(file) as clip:
        size, focal, centre = clip["images"].shape[1], float(clip["focal_px"][0]), clip["centre_px"][0].tolist()
        return Truth(
            int(file.stem.split("-")[1]),
            clip["joints_3d_cam_mm"].astype(np.float64),
            clip["joints_2d_px"].astype(np.float64),
            Camera(fx=focal, fy=focal, cx=centre[0], cy=centre[1], image_wh=(size, size)),
            clip["camera_rotation"][0].astype(np.float64).T,
            clip["camera_eye_mm"][0].astype(np.float64),
        )


def found(predictor: PosePredictor, file: Path, truth: Truth) -> list[PoseFrame]:
    """What the shipped networks find, the person marked in the first frame."""
    with np.load(file) as clip:
        images = clip["images"]
    follow = predictor.follow(box_from_joints(truth.joints_px[0]), truth.camera)
    return [follow(i, i / FPS, image) for i, image in enumerate(images)]


def disturbed(predictor: PosePredictor, truth: Truth) -> list[PoseFrame]:
    """True 2D joints with the errors that the lifter is trained against, independent in every frame, lifted."""
    errors = DetectionErrors()
    joints = torch.from_numpy(truth.joints_px)
    joints_px = disturb(Draw((truth.seed, 9), len(joints)), joints, errors).numpy()
    frames = []
    for i, (seen, true) in enumerate(zip(joints_px, truth.joints_px, strict=True)):
        people = predictor.lift(seen[None], box_from_joints(true), truth.camera.image_wh, truth.camera)
        people = [replace(pose, confidence=np.full(17, 0.7, np.float32)) for pose in people]
        frames.append(PoseFrame(index=i, time_s=i / FPS, people=people))
    return frames


def table_of_smoothing(truths: list[Truth], videos: list[list[PoseFrame]], predictor: PosePredictor) -> None:
    ways: dict[str, Callable[[list[PoseFrame]], PoseSequence]] = {
        "raw": PoseSequence.from_frames,
        "One-Euro, causal": live,
        "Savitzky-Golay, 3D, 9 frames": lambda video: savitzky_golay(PoseSequence.from_frames(video), 4),
        "Savitzky-Golay, 3D, 13 frames": lambda video: savitzky_golay(PoseSequence.from_frames(video), 6),
        "running median of 5, then Savitzky-Golay, 3D, 9 frames": lambda video: savitzky_golay(
            running_median(PoseSequence.from_frames(video), 2), 4
        ),
        "Kalman (RTS), 3D": kalman_3d,
        **{
            f"smooth_track, {cutoff:g} Hz": lambda video, cutoff=cutoff: smooth_track(
                PoseSequence.from_frames(video), SmoothConfig(cutoff_hz=cutoff)
            )
            for cutoff in (2.0, 3.0, 4.0, 6.0)
        },
        "smooth_track, 2D lifted again": lambda video: smooth_track(lifted_again(video, predictor)),
    }
    print("| | MPJPE, mm | PA-MPJPE, mm | acceleration error, mm/frame² | raw / smoothed |\n|---|---:|---:|---:|---:|")
    raw = 0.0
    for name, way in ways.items():
        scores = np.mean(
            [scores_3d(way(video), video, truth) for video, truth in zip(videos, truths, strict=True)], axis=0
        )
        raw = raw or scores[2]
        print(f"| {name} | {scores[0]:.1f} | {scores[1]:.1f} | {scores[2]:.2f} | {raw / scores[2]:.1f} |", flush=True)


def scores_3d(track: PoseSequence, video: list[PoseFrame], truth: Truth) -> tuple[float, float, float]:
    """Over the frames in which the person was found, so that all ways are measured on the same ones."""
    there = PoseSequence.from_frames(video).present & track.present
    pred, true = track.joints_3d_mm[there], truth.relative_mm[there]
    pieces = np.split(np.arange(len(track)), np.flatnonzero(np.diff(there)) + 1)
    runs = [piece for piece in pieces if there[piece[0]] and len(piece) > 2]
    errors = [acceleration_error(track.joints_3d_mm[run], truth.relative_mm[run]) for run in runs]
    return mpjpe(pred, true), pa_mpjpe(pred, true), float(np.average(errors, weights=[len(run) - 2 for run in runs]))


def live(video: list[PoseFrame]) -> PoseSequence:
    smoother = LiveSmoother()
    return PoseSequence.from_frames([smoother(frame) for frame in video])


def kalman_3d(video: list[PoseFrame]) -> PoseSequence:
    track = PoseSequence.from_frames(video)
    joints = smooth_series(track.times_s, track.joints_3d_mm, track.confidence, cutoff_hz=4.0, spread=50.0)
    return replace(track, joints_3d_mm=joints.astype(np.float32))


def lifted_again(video: list[PoseFrame], predictor: PosePredictor) -> PoseSequence:
    """The track with 3D joints of the smoothed 2D ones."""
    track = smooth_track(PoseSequence.from_frames(video))
    there = np.isfinite(track.joints_2d_px).all(axis=(1, 2))
    boxes = np.stack([box_from_joints(joints) for joints in track.joints_2d_px[there]])
    people = predictor.lift(track.joints_2d_px[there], boxes, track.camera.image_wh, track.camera)
    joints = track.joints_3d_mm.copy()
    joints[there] = [pose.joints_3d_mm for pose in people]
    return replace(track, joints_3d_mm=joints)


def savitzky_golay(track: PoseSequence, half: int) -> PoseSequence:
    """Parabolas over 2 half + 1 frames, gaps filled by lines."""
    frames, known = np.arange(len(track)), track.present
    flat = track.joints_3d_mm.reshape(len(track), -1).astype(np.float64)
    flat = np.stack([np.interp(frames, frames[known], column[known]) for column in flat.T], axis=-1)
    smooth = np.empty_like(flat)
    for k in frames:
        low = min(max(k - half, 0), len(track) - 2 * half - 1)
        window = frames[low : low + 2 * half + 1]
        powers = np.vander(window - k, 3, increasing=True).astype(np.float64)
        smooth[k] = np.linalg.lstsq(powers, flat[window], rcond=None)[0][0]
    return replace(track, joints_3d_mm=smooth.reshape(-1, 17, 3).astype(np.float32))


def running_median(track: PoseSequence, half: int) -> PoseSequence:
    padded = np.pad(track.joints_3d_mm, ((half, half), (0, 0), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0)
    return replace(track, joints_3d_mm=np.median(windows, axis=-1))


def table_of_places(truths: list[Truth], videos: list[list[PoseFrame]]) -> None:
    print(
        "| clip | height, mm | root error, % of the distance: raw | smoothed | and height | "
        "tilt error, degrees: level camera | found | feet, mm: mean | 90 % | with pitch |\n" + "|---:" * 10 + "|"
    )
    rows = []
    for video, truth in zip(videos, truths, strict=True):
        raw, smooth = PoseSequence.from_frames(video), smooth_track(PoseSequence.from_frames(video))
        tall = with_height(smooth, truth.height_mm)
        true_up = truth.to_world[2]
        world = find_world([tall])
        pitch = float(np.degrees(np.arcsin(-true_up[2])))
        _, pitched = finish(video, height_mm=truth.height_mm, pitch_deg=pitch)
        rows.append(
            [
                truth.height_mm,
                *(root_error(track, truth) for track in (raw, smooth, tall)),
                *(angle_deg(up, true_up) for up in (np.array([0.0, -1.0, 0.0]), world.up_cam)),
                *feet_errors_mm(replace(tall, world=world), truth),
                feet_errors_mm(replace(tall, world=pitched), truth)[0],
            ]
        )
        print(f"| {truth.seed}{'' if truth.on_one_floor else ', climbs'} | {cells(rows[-1])} |", flush=True)
    print(f"| mean | {cells(np.nanmean(rows, axis=0))} |")
    level = [row for row, truth in zip(rows, truths, strict=True) if truth.on_one_floor]
    print(f"| mean of the {len(level)} on one floor | {cells(np.nanmean(level, axis=0))} |")


def cells(numbers: list[float]) -> str:
    places = (0, 1, 1, 1, 1, 1, 0, 0, 0)
    return " | ".join(f"{number:.{digits}f}" for number, digits in zip(numbers, places, strict=True))


def root_error(track: PoseSequence, truth: Truth) -> float:
    """Mean distance from the true root, in percent of the distance from the camera."""
    true = truth.joints_mm[:, 0]
    return 100 * float(np.nanmean(np.linalg.norm(track.root_cam_mm - true, axis=-1) / np.linalg.norm(true, axis=-1)))


def feet_errors_mm(track: PoseSequence, truth: Truth) -> tuple[float, float]:
    """Mean and 90 % of how far off the height over the floor is, of the lower ankle where it stands on the floor."""
    true = truth.world_mm[:, ANKLES, 2]
    frames, lower = np.arange(len(true)), true.argmin(axis=1)
    height = track.joints_world_mm[frames, np.array(ANKLES)[lower], 2]
    off = np.abs(height - true[frames, lower])[true[frames, lower] < ON_FLOOR_MM]
    off = off[np.isfinite(off)]
    return (float(off.mean()), float(np.quantile(off, 0.9))) if len(off) else (np.nan, np.nan)


def angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
