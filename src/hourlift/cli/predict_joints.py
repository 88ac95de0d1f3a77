"""``hourlift predict-joints``: stage 1 on a data set, to train stage 2 on."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from hourlift.errors import UserError
from hourlift.weights import HOURGLASS

EXAMPLES = """
hourlift predict-joints studio/ --weights my-hourglass.onnx -o joints.npz
hourlift train lifter --recipe lifter-weighted --data studio/ --inputs joints.npz -o runs/weighted
"""


def command(
    data: tyro.conf.Positional[Path],
    *,
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    weights: str = HOURGLASS,
    split: str = "all",
    stride: int = 1,
    flip_test: bool = False,
    threads: int = 2,
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Find the 2D joints of all people in a data set with the hourglass, and write them to a file.

    The file holds the arrays ids, joints_2d_px (N, 17, 2) in pixels of the images, confidence (N, 17) and
    joint_names. Each person is estimated in their annotated box.

    Args:
        data: the data set, of any layout that `hourlift data check` knows.
        out: the .npz file to write.
        weights: hourglass to use, by name or as an .onnx file.
        split: which part of the data set.
        stride: use every n-th frame of each video, or every n-th person.
        flip_test: also estimate every mirrored crop and average; half the speed, slightly more accurate.
        threads: CPU threads of the network.
        device: where the network runs; cuda needs the package onnxruntime-gpu.
    """
    import numpy as np

    from hourlift.cli.progress import LateProgress
    from hourlift.data.joints_file import FoundJoints, write_joints
    from hourlift.data.recognise import recognise
    from hourlift.geometry.skeleton import H36M17
    from hourlift.predict.models.keypoints import JointEstimator
    from hourlift.predict.models.runtime import Model

    if out.suffix != ".npz":
        raise UserError(f"--out {out}: the name must end in .npz")
    people = recognise(data)
    samples = people.samples(split, stride=stride)
    estimator = JointEstimator(Model(weights, "hourglass", threads=threads, device=device), flip_test=flip_test)
    out.parent.mkdir(parents=True, exist_ok=True)
    ids, joints, confidence = [], [], []
    with LateProgress() as progress:
        for sample in samples:
            box = sample.box_xyxy_px.astype(np.float64)[None]
            try:
                found = estimator.estimate(sample.load_image(), box)
            except ValueError as error:
                raise UserError(f"sample {sample.id}: {error}") from error
            ids.append(sample.id)
            joints.append(found.joints_px[0])
            confidence.append(estimator.confidence(found.scores, found.heatmaps)[0, : H36M17.num_joints])
            progress.update("people", len(ids), people.counts.people // stride if split == "all" else None)
    if not ids:
        raise UserError(f"{data}: no people in the split {split!r}")
    write_joints(FoundJoints(ids=ids, joints_2d_px=np.stack(joints), confidence=np.stack(confidence)), out)
    print(f"{out}: 2D joints of {len(ids):,} people")
