"""``hourlift export``: convert a training checkpoint to an ONNX model."""

import json
import subprocess
from pathlib import Path
from typing import Annotated

import tyro

from hourlift.errors import UserError
from hourlift.geometry.crop import EXPORTED_MARGIN
from hourlift.hourglass.heatmap import DecodeMethod


def command(
    checkpoint: tyro.conf.Positional[Path],
    *,
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    name: str | None = None,
    decode: DecodeMethod = "dark",
    crop_margin: float = EXPORTED_MARGIN,
) -> None:
    """Convert a training checkpoint to an ONNX model for `hourlift predict`.

    The averaged weights are exported, stored as bytes and float16. The file is compared
    with PyTorch number by number and written only if both agree.

    Examples:
      hourlift export runs/hourglass/last.pt -o my-hourglass.onnx
      hourlift predict photo.jpg --weights my-hourglass.onnx

    Args:
        checkpoint: file of a training run, of any network.
        out: the .onnx file to write.
        name: name of the model in its metadata [default: the file's name].
        decode: how to decode this hourglass's heatmaps; not for other networks.
        crop_margin: side of this hourglass's crops over the longer side of a person's box.
    """
    from hourlift.export import export_finder, export_hourglass, export_lifter
    from hourlift.finder.network import Finder
    from hourlift.lifter.network import Lifter
    from hourlift.training.engine.checkpoint import load_model

    if out.suffix != ".onnx":
        raise UserError(f"{out}: the name of an ONNX model ends in .onnx")
    model, meta = load_model(checkpoint)
    name, commit = name or out.stem, _commit()
    if isinstance(model, Lifter):
        kind, unit = "lifter", " mm"
        exported = export_lifter(model, out, name=name, inputs=meta["stage"].get("inputs", "rays"), commit=commit)
    elif isinstance(model, Finder):
        kind, unit = "finder", " pixels"
        exported = export_finder(model, out, name=name, input_size=meta["stage"]["input_size"], commit=commit)
    else:
        kind, unit = "hourglass", ""
        stage = {key: meta["stage"].get(key) for key in ("input_size", "loss", "sigma")}
        if None in stage.values():
            raise UserError(f"{checkpoint} does not say how its hourglass was trained: {stage}")
        exported = export_hourglass(
            model, out, name=name, decode=decode, crop_margin=crop_margin, commit=commit, **stage
        )
        print(f"confidence is the heatmap's peak until: hourlift calibrate {out}")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(
        f"{out}: {kind} of {parameters:,} parameters after {meta['step']:,} steps, {exported.size_bytes / 1e6:.1f} MB"
    )
    print(
        f"largest difference from PyTorch: {exported.parity.exact:.2g}{unit} as computed in ONNX Runtime, "
        f"{exported.parity.stored:.2g}{unit} with the weights as stored"
    )
    entry = {name: {"file": out.name, "sha256": exported.sha256, "kind": kind}}
    print(f"for a weights manifest: {json.dumps(entry)[1:-1]}")


def _commit() -> str:
    """The commit of the source tree that hourlift runs from; "" if that is not a repository of hourlift."""
    here = Path(__file__)
    git = ["git", "-C", str(here.parent)]
    try:
        subprocess.run([*git, "ls-files", "--error-unmatch", here.name], capture_output=True, check=True)
        return subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    except (FileNotFoundError, subprocess.CalledProcessError):
        return ""
