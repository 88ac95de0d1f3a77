"""``hourlift analyse``: find the errors of a hourglass."""

from __future__ import annotations

import heapq
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from hourlift.weights import HOURGLASS

if TYPE_CHECKING:
    from hourlift.evaluation import Outcome

DEFAULT_WORST = 40
EXAMPLES = """
hourlift analyse my-dataset/ --weights my-hourglass.onnx -o analysis/
hourlift analyse synthetic --count 1000 -o analysis/
"""


def command(
    data: tyro.conf.Positional[str],
    *,
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    weights: str = HOURGLASS,
    whole_image: bool = False,
    count: int | None = None,
    worst: int = DEFAULT_WORST,
    split: str = "all",
    stride: int = 1,
    images: Path | None = None,
    flip_test: bool = False,
    turn: bool = True,
    threads: int = 2,
) -> None:
    """Analyse errors by joint, pose, facing, size, visibility and confidence, and show the people with the worst ones.

    Writes into a folder: analysis.md and analysis.json with the tables, worst.png with the people with the fewest
    correct limb joints (annotation left, prediction right), and reliability.png (with hourlift[plots]).

    "on either side" accepts a joint also at the position of its left or right partner: the PCK if left and right were
    never confused. Poses are classified by the annotated joints in the image.

    Args:
        data: a data set, or synthetic people, as for `hourlift evaluate`.
        out: folder to write to.
        weights: hourglass to analyse, by name or as an .onnx file.
        whole_image: search for the person in the whole image instead of giving their box.
        count: number of people, from the start of the data set [default: all, or 400 synthetic ones].
        worst: number of people in worst.png.
        split: which part of the data set, such as test.
        stride: use every n-th frame of each video, or every n-th person.
        images: folder of the images of a file in the COCO keypoint layout, if it is not beside the annotation.
        flip_test: also estimate every mirrored crop and average.
        turn: estimate leaning people again, in a turned crop, and keep the better result.
        threads: CPU threads of the networks.
    """
    from hourlift.cli.evaluate import data_title, open_people
    from hourlift.cli.progress import LateProgress
    from hourlift.evaluation import analyse, limb_scores, predict_samples, truth_sheet
    from hourlift.formats.atomic import replacing
    from hourlift.media.images import write_image
    from hourlift.predict import PosePredictor

    samples, total = open_people(data, count, images, split, stride, need_images=True)
    predictor = PosePredictor(weights, threads=threads, flip_test=flip_test, turn=turn)
    out.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []

    def watched() -> Iterator[Outcome]:
        with LateProgress() as progress:
            for outcome in predict_samples(predictor.predict, samples, whole_image=whole_image):
                outcomes.append(outcome.without_image())
                progress.update("people", len(outcomes), total)
                yield outcome

    def order(outcome: Outcome) -> tuple[float, float]:
        score = limb_scores(outcome).pck
        sure = 0.0 if outcome.pose is None else outcome.pose.score
        return (2.0 if math.isnan(score) else score, -sure)  # among equally bad ones, the most confident first

    chosen = heapq.nsmallest(worst, watched(), key=order)  # iterates over all people, and holds the images of few
    title = f"Analysis: {data_title(data)}"
    settings = {
        "weights": weights,
        "person": "searched in the whole image" if whole_image else "given by a box",
        "split": split,
        "flip_test": flip_test,
        "turn": turn,
    }
    analysis = analyse(outcomes, title, settings)
    print(analysis.to_markdown(), end="")
    for name, text in (("analysis.json", analysis.to_json()), ("analysis.md", analysis.to_markdown())):
        with replacing(out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    sheet = truth_sheet(chosen, [_caption(outcome) for outcome in chosen])
    with replacing(out / "worst.png") as temporary:
        write_image(temporary, sheet)
    try:
        from hourlift.evaluation.plot import plot_reliability

        plot_reliability({title: analysis.reliability}, out / "reliability.png")
    except ValueError as error:
        print(f"no reliability.png: {error}", file=sys.stderr)


def _caption(outcome: Outcome) -> str:
    """The person's id, share of correct limb joints, the hourglass's confidence, and its confused pairs."""
    from hourlift.evaluation import limb_scores

    scores = limb_scores(outcome)
    sure = "no person found" if outcome.pose is None else f"confidence {100 * outcome.pose.score:.0f} %"
    mistaken = (
        f", {round(share * scores.pairs)}/{scores.pairs} {what}"
        for what, share in (("swapped", scores.swapped), ("collapsed", scores.collapsed))
        if share > 0
    )
    return f"{outcome.sample.id[-12:]}: right {100 * scores.pck:.0f} %, {sure}{''.join(mistaken)}"
