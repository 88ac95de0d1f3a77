"""``hourlift quantise``: make the 8-bit twin of an exported model."""

import json
from pathlib import Path
from typing import Annotated

import tyro

from hourlift.errors import UserError

SEED = 32_000_000  # people whom neither training nor `hourlift evaluate` nor `hourlift calibrate` renders
EXAMPLES = """
hourlift quantise my-hourglass.onnx                                   # writes my-hourglass.int8.onnx
hourlift predict photo.jpg --weights my-hourglass.onnx --verbose      # uses the twin and logs it
hourlift evaluate my-dataset/ --weights my-hourglass.onnx --precision int8
hourlift quantise my-lifter.onnx
"""


def command(
    model: tyro.conf.Positional[Path],
    *,
    out: Annotated[
        Path | None, tyro.conf.arg(aliases=["-o"], help_behavior_hint="(default: MODEL.int8.onnx beside it)")
    ] = None,
    count: int = 48,
    backgrounds: Path | None = None,
    manifest: Annotated[Path | None, tyro.conf.arg(metavar="manifest.json")] = None,
) -> None:
    """Make the 8-bit twin of a model, about three times as fast on processors with 8-bit dot products.

    A hourglass's value ranges are measured on rendered people. The twin is compared with the float model on others, and
    written only if their joints agree. Under its default name, beside the float model, all commands use it where it is
    faster. Quantise last: a twin belongs to one file, including its calibration.

    Args:
        model: .onnx file of `hourlift export`, after `hourlift calibrate` if used.
        out: file to write.
        count: number of rendered people for the ranges; half as many more check the result.
        backgrounds: folder of photos without people, for backgrounds and cloth in addition to drawn ones.
        manifest: list of shipped models to which the twin is added.
    """
    from hourlift.cli.progress import LateProgress
    from hourlift.evaluation.synthetic import crops, synthetic_samples
    from hourlift.export.quantise import float_contract, quantise_hourglass, quantise_lifter
    from hourlift.formats.atomic import replacing
    from hourlift.weights import int8_name

    if model.suffix != ".onnx":
        raise UserError(f"{model}: the name of an ONNX model ends in .onnx")
    out = out or model.with_name(int8_name(model.name))
    if out.suffix != ".onnx":
        raise UserError(f"{out}: the name of an ONNX model ends in .onnx")
    contract = float_contract(model)
    num_all = count + max(count // 2, 1)
    people = []
    with LateProgress() as progress:
        for sample in synthetic_samples(num_all, SEED, photos=backgrounds):
            people.append(sample)
            progress.update("people", len(people), num_all)
    if contract["kind"] == "lifter":
        done = quantise_lifter(model, out, people)
        agreement = f"its joints are {done.agreement:.1f} mm from the float lifter's on average"
    else:
        images = crops(people, contract["input_size"], contract["crop_margin"])
        done = quantise_hourglass(model, out, images[:count], images[count:])
        agreement = f"on {num_all - count} other people, compared with the float hourglass: {done.agreement}"
    print(f"{out}: {contract['kind']} in 8 bits, {done.size_bytes / 1e6:.1f} MB")
    print(agreement)
    entry = {out.stem: {"file": out.name, "sha256": done.sha256, "kind": contract["kind"]}}
    print(f"for a weights manifest: {json.dumps(entry)[1:-1]}")
    if manifest is not None:
        entries = json.loads(manifest.read_text(encoding="utf-8")) | entry
        with replacing(manifest) as temporary:
            temporary.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
