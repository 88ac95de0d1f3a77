"""``hourlift calibrate``: calibrate the confidence of an exported hourglass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from hourlift.errors import UserError

if TYPE_CHECKING:
    from hourlift.data.sample import Sample

FIT_SEED, CHECK_SEED = 30_000_000, 31_000_000  # people whom neither training nor `hourlift evaluate` renders
EXAMPLES = """
hourlift calibrate my-hourglass.onnx
hourlift calibrate my-hourglass.onnx --backgrounds photos/ --plot reliability.png -o calibrated.onnx
hourlift calibrate my-hourglass.onnx --real held-out-photos/ -o calibrated.onnx
hourlift analyse my-dataset/ --weights my-hourglass.onnx -o analysis/    # check it on other images
"""


def command(
    model: tyro.conf.Positional[Path],
    *,
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    count: int = 2000,
    check_count: int = 500,
    backgrounds: Path | None = None,
    real: tuple[Path, ...] = (),
    plot: Path | None = None,
    threads: int = 2,
) -> None:
    """Fit the probability that a joint is correct to its heatmap, and store the fit in the model's metadata.

    Renders people of all presets who are not used in training, and fits on them: of the joints with a confidence of
    0.8, 80 % are then within 0.2 torso of their true position. The result is checked on further people and printed. On
    images unlike the rendered ones, confidence may be too high or too low; `hourlift analyse` measures that. With
    --real, it is then adapted to annotated photos, by two numbers for all joints.

    Args:
        model: .onnx file of `hourlift export`.
        out: file to write [default: replace the model].
        count: number of people to fit on.
        check_count: number of further people to check with.
        backgrounds: folder of photos without people, for backgrounds and cloth in addition to drawn ones.
        real: data sets, as for `hourlift evaluate`, of people whom the network was not trained on; confidence is then
            adapted to them.
        plot: write a plot (.png, .svg, .pdf) of confidence and share of correct joints, before and after; needs
            hourlift[plots].
        threads: CPU threads of the network.
    """
    from hourlift.cli.evaluate import open_people
    from hourlift.cli.progress import LateProgress
    from hourlift.evaluation.calibration import CheckedJoints, adapt, check, fit
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
    photos = [sample for data in real for sample in open_people(str(data), None, None, "all", 1, need_images=True)[0]]
    estimator = JointEstimator(Model(model, "hourglass", threads=threads, precision="fp32"))

    with LateProgress() as progress:

        def watched(people: Iterable[Sample], number: int, doing: str) -> Iterator[Sample]:
            for done, sample in enumerate(people, start=1):
                yield sample
                progress.update(doing, done, number)

        def rendered(number: int, seed: int, doing: str) -> Iterator[Sample]:
            return watched(synthetic_samples(number, seed, photos=backgrounds, kind=ALL), number, doing)

        calibration = fit(CheckedJoints.of(estimator, rendered(count, FIT_SEED, "people to fit on")))
        checked = CheckedJoints.of(estimator, rendered(check_count, CHECK_SEED, "people to check with"))
        checks = {
            "heatmap's peak": check(checked, checked.scores),
            "calibrated": check(checked, calibration(checked.evidence)),
        }
        if photos:
            on_photos = CheckedJoints.of(estimator, watched(photos, len(photos), "people in photos"))
            adapted = adapt(calibration, on_photos)
            checks |= {
                "in photos": check(on_photos, calibration(on_photos.evidence)),
                "in photos, adapted": check(on_photos, adapted(on_photos.evidence)),
                "adapted": check(checked, adapted(checked.evidence)),
            }
            calibration = adapted
    sha = change_metadata(model, out, {"confidence": calibration.to_contract()})
    for name, result in checks.items():
        print(f"{name}: {result}")
    print(f"{out}: SHA-256 {sha}")
    if plot is not None:
        plot_reliability({name: result.reliability for name, result in checks.items()}, plot)
