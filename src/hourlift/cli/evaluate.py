"""``hourlift evaluate``: annotated people in, scores out."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import tyro

from hourlift.data.sample import Sample

SYNTHETIC = "synthetic"
DEFAULT_SYNTHETIC_COUNT = 400


def command(
    data: tyro.conf.Positional[str],
    *,
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    sheet: Path | None = None,
    sheet_count: int = 12,
    whole_image: bool = False,
    count: int | None = None,
    images: Path | None = None,
    weights: str = "hourglass-fast",
    lifter: str = "lifter",
    flip_test: bool = False,
    threads: int = 2,
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Measure how well people are found and lifted, and print the scores.

    PCK@0.2 counts a joint as right within a fifth of the torso (left shoulder to right hip). Errors in millimetres
    are given where the data hold 3D truth. A second column is about upright people alone.

    Examples:
      hourlift evaluate my-dataset/ -o report.json --sheet sheet.png
      hourlift evaluate person_keypoints_val2017.json --images val2017 --count 500
      hourlift evaluate people/ --count 1000
      hourlift evaluate synthetic --weights my-hourglass.onnx

    Args:
        data: a folder of shards (WebDataset tar files, as `hourlift synth` writes them), one of them or a pattern
            such as people/shard-*.tar; a file or folder in the COCO keypoint layout; or "synthetic" for rendered
            people that no training has seen (needs hourlift[synth]).
        out: write the report to this .json file, and as a table beside it with the ending .md.
        sheet: write a PNG picture of some of the people with what was found.
        sheet_count: how many people are on it.
        whole_image: search for the person in the whole picture instead of giving their box.
        count: how many people, the first of the data set [default: all, or 400 synthetic ones].
        images: folder of the pictures, if it is not beside the annotation.
        weights: hourglass to use, by name or as an .onnx file.
        lifter: lifter to use, by name or as an .onnx file.
        flip_test: look at every crop mirrored too; half the speed, a little more accurate.
        threads: CPU threads of the networks.
        device: where the networks run; cuda needs the package onnxruntime-gpu.
    """
    import cv2

    from hourlift.cli.progress import LateProgress
    from hourlift.evaluation import contact_sheet, make_report, predict_samples
    from hourlift.formats.atomic import replacing
    from hourlift.predict import PosePredictor

    if count is not None and count < 1:
        raise ValueError(f"--count must be at least 1, got {count}")
    for option, file, suffix in (("--out", out, ".json"), ("--sheet", sheet, ".png")):
        if file is not None and file.suffix != suffix:
            raise ValueError(f"{option} {file}: the name must end in {suffix}")
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)  # now, not after an hour of work
    samples, total = _samples(data, count, images)
    predictor = PosePredictor(weights, lifter, threads=threads, device=device, flip_test=flip_test)
    outcomes = []
    with LateProgress() as progress:
        for outcome in predict_samples(predictor.predict, samples, whole_image=whole_image):
            outcomes.append(outcome)
            progress.update("people", len(outcomes), total)

    title = SYNTHETIC if data == SYNTHETIC else Path(data).resolve().name
    settings = {
        "weights": weights,
        "lifter": lifter,
        "person": "searched in the whole picture" if whole_image else "given by a box",
        "flip_test": flip_test,
        "threads": threads,
    }
    report = make_report(outcomes, f"Evaluation: {title}", settings)
    print(report.to_markdown(), end="")
    if out is not None:
        for file, text in ((out, report.to_json()), (out.with_suffix(".md"), report.to_markdown())):
            with replacing(file) as temporary:
                temporary.write_text(text, encoding="utf-8")
    if sheet is not None:
        picture = cv2.cvtColor(contact_sheet(outcomes, count=sheet_count), cv2.COLOR_RGB2BGR)
        with replacing(sheet) as temporary:
            cv2.imwrite(str(temporary), picture)


def _samples(data: str, count: int | None, images: Path | None) -> tuple[Iterator[Sample], int | None]:
    """The people to evaluate, and how many, where that is known."""
    if data == SYNTHETIC:
        try:
            from hourlift.evaluation.synthetic import synthetic_samples
        except ModuleNotFoundError as error:
            raise ValueError(
                f"rendering people needs the package {error.name}: pip install 'hourlift[synth]'"
            ) from error

        count = count or DEFAULT_SYNTHETIC_COUNT
        return synthetic_samples(count), count
    from hourlift.data.coco import load_coco
    from hourlift.data.shards import find_shards, load_shards

    if find_shards(data):
        if images is not None:
            raise ValueError(f"--images {images}: shards hold their pictures themselves")
        return islice(load_shards(data), count), count
    samples = load_coco(data, images)
    return islice(iter(samples), count), min(len(samples), count or len(samples))
