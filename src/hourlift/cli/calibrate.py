"""``hourlift calibrate``: an exported hourglass in, the same with a confidence that means something out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from hourlift.errors import UserError

if TYPE_CHECKING:
    from hourlift.data.sample import Sample

FIT_SEED, CHECK_SEED = 30_000_000, 31_000_000  # of people that neither training nor `hourlift evaluate` renders
EXAMPLES = """
hourlift calibrate my-hourglass.onnx
hourlift calibrate my-hourglass.onnx --backgrounds photos/ --plot reliability.png -o calibrated.onnx
hourlift analyse my-dataset/ --weights my-hourglass.onnx -o analysis/    # how it holds on other images
"""


def command(
    model: tyro.conf.Positional[Path],
    *,
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    count: int = 2000,
    check_count: int = 500,
    backgrounds: Path | None = None,
    plot: Path | None = None,
    threads: int = 2,
) -> None:
    """Fit how likely a joint is right to what its heatmap looks like, and keep that in the model's metadata.

    Renders people of all presets whom no training has seen, and fits on them: of the joints that are then said to be
    0.8, 80 % lie within 0.2 torso of their true place. Checked on further people, and printed. On images that differ
    from the rendered ones it says too much or too little; `hourlift analyse` measures that on a data set.

    Args:
        model: .onnx file of `hourlift export`.
        out: file to write [default: the model's own].
        count: how many people to fit on.
        check_count: how many further people to check with.
        backgrounds: folder of photographs without people, for backgrounds and cloth beside those that are drawn.
        plot: write an image (.png, .svg, .pdf) of confidence and share right, before and after; needs
            hourlift[plots].
        threads: CPU threads of the network.
    """
    from hourlift.cli.progress import LateProgress
    from hourlift.evaluation.calibration import JudgedJoints, check, fit
    from hourlift.evaluation.synthetic import ALL, synthetic_samples
    from hourlift.export.onnx_file import change_metadata
    from hourlift.predict.models.keypoints import JointEstimator
    from hourlift.predict.models.runtime import Model

    out = out or model
    if out.suffix != ".onnx" or model.suffix != ".onnx":
        raise UserError(f"{out if model.suffix == '.onnx' else model}: the name of an ONNX model ends in .onnx")
    if plot is not None:
        from hourlift.evaluation.plot import check_plot, plot_reliability

        check_plot(plot)
    estimator = JointEstimator(Model(model, "hourglass", threads=threads, precision="fp32"))

    with LateProgress() as progress:

        def watched(number: int, seed: int, doing: str) -> Iterator[Sample]:
            for done, sample in enumerate(synthetic_samples(number, seed, photos=backgrounds, kind=ALL), start=1):
                yield sample
                progress.update(doing, done, number)

        calibration = fit(JudgedJoints.of(estimator, watched(count, FIT_SEED, "people to fit on")))
        judged = JudgedJoints.of(estimator, watched(check_count, CHECK_SEED, "people to check with"))
    checks = {
        name: check(judged, values)
        for name, values in (("heatmap's peak", judged.scores), ("calibrated", calibration(judged.evidence)))
    }
    sha = change_metadata(model, out, {"confidence": calibration.to_contract()})
    for name, result in checks.items():
        print(f"{name}: {result}")
    print(f"{out}: SHA-256 {sha}")
    if plot is not None:
        plot_reliability({name: result.reliability for name, result in checks.items()}, plot)
