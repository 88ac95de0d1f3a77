"""``hourlift evaluate``: measure models on annotated people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from hourlift.errors import UserError
from hourlift.predict.models.precision import Precision, Runtime
from hourlift.weights import HOURGLASS, LIFTER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hourlift.data.sample import Sample

SYNTHETIC = "synthetic"
GROUND_TRUTH = "ground-truth"
DEFAULT_SYNTHETIC_COUNT = 400
EXAMPLES = """
hourlift evaluate my-dataset/ -o report.json --sheet sheet.png
hourlift evaluate person_keypoints_val2017.json --images val2017 --count 500
hourlift evaluate people/ --count 1000
hourlift evaluate studio/ --split test --lifter final.onnx --weights final-4stack.onnx --plot errors.png
hourlift evaluate studio/ --split test --lifter final.onnx --inputs ground-truth
hourlift evaluate synthetic --weights my-hourglass.onnx
hourlift evaluate synthetic:all --count 1000
"""


def command(
    data: tyro.conf.Positional[str],
    *,
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    sheet: Path | None = None,
    sheet_count: int = 12,
    whole_image: bool = False,
    count: int | None = None,
    split: str = "all",
    stride: int = 1,
    inputs: str | None = None,
    plot: Path | None = None,
    images: Path | None = None,
    weights: str = HOURGLASS,
    lifter: str = LIFTER,
    flip_test: bool = False,
    turn: bool = True,
    threads: int = 2,
    device: Literal["cpu", "cuda"] = "cpu",
    precision: Precision | None = None,
    runtime: Runtime | None = None,
) -> None:
    """Measure the accuracy of 2D and 3D joints, and print the scores.

    PCK@0.2 counts a joint as correct within a fifth of the torso (left shoulder to right hip). Errors in millimetres
    are given if the data set has 3D joints. A second column is for upright people only. If ids name subject and action,
    there is a table for each; the frame mean weights all frames equally, the action mean all actions.

    Args:
        data: a data set of any layout that `hourlift data check` knows, such as a folder of shards of `hourlift
            synth`, a pattern such as people/shard-*.tar, or a file or folder in the COCO keypoint layout; or
            "synthetic" for rendered people that are not used in training (needs hourlift[synth]): everyday ones, those
            of another preset, such as synthetic:sport, or equally many of each, synthetic:all.
        out: write the report to this .json file, and as a table to a .md file beside it.
        sheet: write a PNG image of some people with the predicted joints.
        sheet_count: number of people in it.
        whole_image: search for the person in the whole image instead of giving their box.
        count: number of people, from the start of the data set [default: all, or 400 synthetic ones].
        split: which part of the data set, such as test.
        stride: use every n-th frame of each video, or every n-th person.
        inputs: 2D joints for the lifter, to measure it alone: "ground-truth", or the file written by
            `hourlift predict-joints`.
        plot: write a plot (.png, .svg, .pdf) of the errors by action and by joint; needs hourlift[plots].
        images: folder of the images of a file in the COCO keypoint layout, if it is not beside the annotation.
        weights: hourglass to use, by name or as an .onnx file.
        lifter: lifter to use, by name or as an .onnx file.
        flip_test: also estimate every mirrored crop and average; half the speed, slightly more accurate.
        turn: estimate leaning people again, in a turned crop, and keep the better result.
        threads: CPU threads of the networks.
        device: where the networks run; cuda needs the package onnxruntime-gpu.
        precision: arithmetic of the hourglass [default: the fastest that keeps accuracy on this computer].
        runtime: what runs the hourglass; openvino needs hourlift[openvino] [default: the fastest].
    """
    from hourlift.cli.progress import LateProgress
    from hourlift.evaluation import contact_sheet, lift_samples, make_report, predict_samples
    from hourlift.formats.atomic import replacing
    from hourlift.media.images import write_image
    from hourlift.predict import PosePredictor

    for option, file, suffix in (("--out", out, ".json"), ("--sheet", sheet, ".png")):
        if file is not None and file.suffix != suffix:
            raise UserError(f"{option} {file}: the name must end in {suffix}")
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)  # fail now, not after an hour of work
    joints_px = _joints(inputs, sheet, whole_image)
    if plot is not None:
        from hourlift.evaluation.plot import check_plot, plot_report

        check_plot(plot)
    samples, total = open_people(data, count, images, split, stride, need_images=inputs is None)
    predictor = PosePredictor(
        *(weights, lifter),
        threads=threads,
        device=device,
        flip_test=flip_test,
        turn=turn,
        precision=precision,
        runtime=runtime,
    )
    outcomes = []
    with LateProgress() as progress:
        for outcome in (
            predict_samples(predictor.predict, samples, whole_image=whole_image)
            if inputs is None
            else lift_samples(predictor.lift, samples, joints_px)
        ):
            outcomes.append(outcome if sheet is not None else outcome.without_image())
            progress.update("people", len(outcomes), total)

    title = data_title(data)
    settings = {
        "weights": weights,
        "lifter": lifter,
        "person": "searched in the whole image" if whole_image else "given by a box",
        "2D joints": inputs or "of the hourglass",
        "split": split,
        "flip_test": flip_test,
        "turn": turn,
        "arithmetic": ", ".join(
            f"{stage} {network['precision']} in {network['runtime']}" for stage, network in predictor.networks.items()
        ),
        "threads": threads,
    }
    report = make_report(outcomes, f"Evaluation: {title}", settings)
    print(report.to_markdown(), end="")
    if out is not None:
        for file, text in ((out, report.to_json()), (out.with_suffix(".md"), report.to_markdown())):
            with replacing(file) as temporary:
                temporary.write_text(text, encoding="utf-8")
    if plot is not None:
        plot_report(report, plot)
    if sheet is not None:
        with replacing(sheet) as temporary:
            write_image(temporary, contact_sheet(outcomes, count=sheet_count))


def _joints(inputs: str | None, sheet: Path | None, whole_image: bool) -> Mapping[str, NDArray[np.floating]] | None:
    """2D joints by id from a file; None for the true ones or the hourglass's."""
    if inputs is None:
        return None
    if sheet is not None or whole_image:
        raise UserError(
            "--inputs measures the lifter alone, without images: it cannot be combined with --sheet or --whole-image"
        )
    if inputs == GROUND_TRUTH:
        return None
    if not inputs.endswith(".npz"):
        raise UserError(f"--inputs is {GROUND_TRUTH!r} or an .npz file of predict-joints, not {inputs}")
    from hourlift.data.joints_file import read_joints

    return read_joints(inputs).by_id()


def data_title(data: str) -> str:
    """The name of a data set in a report."""
    return data if _is_synthetic(data) else Path(data).resolve().name


def _is_synthetic(data: str) -> bool:
    return data.partition(":")[0] == SYNTHETIC


def open_people(
    data: str, count: int | None, images: Path | None, split: str, stride: int, *, need_images: bool
) -> tuple[Iterator[Sample], int | None]:
    """The people to evaluate, and their number, if known.

    Raises:
        ValueError: there is no such data set, split or image, or rendering lacks a package.
    """
    if _is_synthetic(data):
        try:
            from hourlift.evaluation.synthetic import EVERYDAY, synthetic_samples
        except ModuleNotFoundError as error:
            raise UserError(
                f"rendering people needs the package {error.name}: pip install 'hourlift[synth]'"
            ) from error

        count = count or DEFAULT_SYNTHETIC_COUNT
        kind = data.partition(":")[2]
        return synthetic_samples(count, kind=kind or EVERYDAY), count
    from hourlift.data import find_shards, load_coco
    from hourlift.data.recognise import recognise

    if images is not None:
        if find_shards(data):
            raise UserError(f"--images {images}: shards contain their images")
        people = load_coco(data, images)
        chosen = people[::stride][:count]
        return iter(chosen), len(chosen)
    known = recognise(data)
    total = known.counts.people // stride if split == "all" else None
    samples = known.samples(split, stride=stride, images=need_images)
    return islice(samples, count), count if total is None else min(total, count or total)
