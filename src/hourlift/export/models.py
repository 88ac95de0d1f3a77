"""Export of all models in the format that `hourlift.predict` reads.

    hourglass: image uint8 (B, S, S, 3) RGB -> heatmaps float32 (B, 17, S/4, S/4) in [0, 1], a peak of 1 = certain;
               a hourglass that finds the feet has a second output, feet (B, 4, S/4, S/4), likewise, of FOOT_POINTS
    lifter:    rays float32 (B, 17, 2) -> joints_mm float32 (B, 17, 3), root-relative, in the virtual camera;
               with the report's normalisation ("inputs": "crop") the input is `crop_offsets` and the output is in the
               camera's axes;
               "inputs": "person" reads float32 (B, 17, 4) of `person_input`, with outputs as for rays;
               a lifter that estimates its error has a second output, spread_mm float32 (B, 17)
    finder:    image uint8 (B, H, W, 3) RGB, H and W multiples of 64 -> scores float32 (B, H/8, W/8) in [0, 1], and
               sides float32 (B, 4, H/8, W/8), pixels from the middle of a cell to the sides of the person's box

All steps in between are in the graph: scaling of pixels, activation of the heatmaps, standardisation. The metadata
key "hourlift" holds JSON with the rest: kind and name, and for joints also skeleton, joint names, crop and decoding.
"""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hourlift.errors import UserError
from hourlift.export.onnx_file import Exported, Parity, write_onnx
from hourlift.finder.decode import SIZE_MULTIPLE
from hourlift.finder.network import Finder
from hourlift.geometry.crop import EXPORTED_MARGIN
from hourlift.geometry.skeleton import FOOT_POINTS, H36M17, H36M21
from hourlift.hourglass.condition import conditioned
from hourlift.hourglass.heatmap import DecodeMethod
from hourlift.hourglass.loss import LossKind, activate
from hourlift.hourglass.network import StackedHourglass
from hourlift.lifter.network import PERSON_CHANNELS, Lifter
from hourlift.lifter.normalize import InputKind

SCHEMA = 1
HOURGLASS_TOLERANCE = Parity(exact=1e-4, stored=0.1)
"""Tolerance for heatmaps in [0, 1], at their worst cell."""
LIFTER_TOLERANCE = Parity(exact=0.01, stored=10.0)
"""Tolerance in mm for the worst joint of the worst person; on average, storing bytes moves a joint by less than 1."""
FINDER_TOLERANCE = Parity(exact=0.1, stored=400.0)
"""Tolerance for scores in [0, 1] and distances in pixels, at their worst cell; in empty cells they mean nothing."""
_HOURGLASS_BYTES_FROM, _LIFTER_BYTES_FROM, _FINDER_BYTES_FROM = (
    2**14,
    2**18,
    2**12,
)  # numbers; rounding smaller tensors saves too little

_EXAMPLES = 3
_LIFTER_INPUTS: dict[InputKind, dict[str, str]] = {
    "rays": {
        "input": "joints as viewing rays of a virtual camera, as hourlift.lifter.normalize makes them",
        "output": "joints in mm relative to the pelvis, axes of the virtual camera, for a person of average height",
    },
    "crop": {
        "input": "joints in pixels of the person's 256-pixel crop less the pelvis's, as crop_offsets makes them",
        "output": "joints in mm relative to the pelvis, axes of the camera, which must be like that of the training",
    },
    "person": {
        "input": "joints as viewing rays of a virtual camera, confidence (0: unknown) and size (0: unknown), as "
        "person_input of hourlift.lifter.normalize makes them",
        "output": "joints in mm relative to the pelvis, axes of the virtual camera, for a person of average height",
    },
}
_LIFTER_CHANNELS: dict[InputKind, int] = {"rays": 2, "crop": 2, "person": PERSON_CHANNELS}
_SPREAD = {"spread": "expected distance of each joint to the truth, mm"}


def export_hourglass(
    network: StackedHourglass,
    file: str | Path,
    *,
    name: str,
    input_size: int,
    loss: LossKind,
    sigma: float,
    decode: DecodeMethod = "dark",
    crop_margin: float = EXPORTED_MARGIN,
    commit: str = "",
) -> Exported:
    """Export stage 1 as an ONNX file.

    Args:
        network: trained for the 17 joints of Human3.6M, or for those and the foot points.
        file: file to write.
        name: name of the model in its metadata.
        input_size: side S of the input in pixels, fixed in the file so that the runtime can optimise for it.
        loss: the training loss, which determines the meaning of the output.
        sigma: standard deviation of the target Gaussians, in heatmap pixels.
        decode: the best decoding for this network.
        crop_margin: side of the crops over the longer side of the box.
        commit: commit of the exporting code; the model card names the commit of the training.

    Raises:
        ValueError: as for `write_onnx`, or if the network has other joints.
    """
    feet = network.config.num_joints == H36M21.num_joints
    if not feet:
        _check_joints(network.config.num_joints)
    metadata = _metadata("hourglass", name, commit) | {
        "input": "square RGB crop around the person, uint8: a side of crop_margin x the longer side of the box",
        "crop_margin": crop_margin,
        "input_size": input_size,
        "decode": decode,
        **({"foot_points": list(FOOT_POINTS)} if feet else {}),
    }
    return write_onnx(
        _HourglassGraph(conditioned(network), loss, sigma),
        _example_images(input_size),
        file,
        input_name="image",
        output_names=("heatmaps", "feet") if feet else ("heatmaps",),
        metadata=metadata,
        tolerance=HOURGLASS_TOLERANCE,
        bytes_from=_HOURGLASS_BYTES_FROM,
    )


def export_lifter(
    lifter: Lifter, file: str | Path, *, name: str, inputs: InputKind = "rays", commit: str = ""
) -> Exported:
    """Export stage 2 as an ONNX file.

    Args:
        lifter: trained lifter, with the statistics of its training data.
        file: file to write.
        name: name of the model in its metadata.
        inputs: the kind of input it was trained on.
        commit: commit of the exporting code; the model card names the commit of the training.

    Raises:
        ValueError: as for `write_onnx`, or if the network lifts other joints or needs another input.
    """
    _check_joints(lifter.config.num_joints)
    if lifter.config.channels != _LIFTER_CHANNELS[inputs]:
        raise UserError(f"a lifter of {lifter.config.channels} numbers a joint does not read {inputs!r}")
    spread = lifter.config.spread
    metadata = _metadata("lifter", name, commit) | {"inputs": inputs} | _LIFTER_INPUTS[inputs]
    return write_onnx(
        _LifterGraph(lifter) if spread else lifter,
        _example_people(lifter),
        file,
        input_name="rays",
        output_names=("joints_mm", "spread_mm") if spread else ("joints_mm",),
        metadata=metadata | (_SPREAD if spread else {}),
        tolerance=LIFTER_TOLERANCE,
        bytes_from=_LIFTER_BYTES_FROM,
    )


def export_finder(network: Finder, file: str | Path, *, name: str, input_size: int, commit: str = "") -> Exported:
    """Export the finder as an ONNX file.

    Args:
        network: trained finder.
        file: file to write.
        name: name of the model in its metadata.
        input_size: longer side of the images in pixels, a multiple of 64.
        commit: commit of the exporting code; the model card names the commit of the training.

    Raises:
        ValueError: as for `write_onnx`, or the size is no such multiple.
    """
    if input_size < 1 or input_size % SIZE_MULTIPLE:
        raise UserError(f"the size of a finder's input is a multiple of {SIZE_MULTIPLE}, not {input_size}")
    metadata = _head("finder", name, commit) | {
        "input": "RGB image, uint8, its longer side resized to input_size; sides padded to multiples of 64 with grey",
        "output": "scores of cells of 8 pixels; pixels from the middle of a cell to the left, top, right, bottom side",
        "input_size": input_size,
    }
    return write_onnx(
        _FinderGraph(network),
        _example_images(input_size)[:, : max(SIZE_MULTIPLE, input_size // 2 // SIZE_MULTIPLE * SIZE_MULTIPLE)],
        file,
        input_name="image",
        output_names=("scores", "sides"),
        metadata=metadata,
        tolerance=FINDER_TOLERANCE,
        bytes_from=_FINDER_BYTES_FROM,
        free_axes={"image": (1, 2), "scores": (1, 2), "sides": (2, 3)},
    )


class _FinderGraph(nn.Module):
    """Takes bytes, returns scores and distances."""

    def __init__(self, network: Finder) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        logits, sides = self.network(image.permute(0, 3, 1, 2).float() / 255)
        return logits[:, 0].sigmoid(), sides


class _HourglassGraph(nn.Module):
    """Takes bytes, returns the heatmaps of the last stack: of the joints, and of the foot points if it finds them."""

    def __init__(self, network: StackedHourglass, loss: LossKind, sigma: float) -> None:
        super().__init__()
        self.network, self.loss, self.sigma = network, loss, sigma

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        pixels = image.permute(0, 3, 1, 2).float() / 255
        heatmaps = activate(self.network(pixels)[-1], self.loss, self.sigma)
        if heatmaps.shape[1] == H36M17.num_joints:
            return heatmaps
        return heatmaps[:, : H36M17.num_joints], heatmaps[:, H36M17.num_joints :]


class _LifterGraph(nn.Module):
    """Returns joints and their spread as two outputs."""

    def __init__(self, lifter: Lifter) -> None:
        super().__init__()
        self.lifter = lifter

    def forward(self, rays: Tensor) -> tuple[Tensor, Tensor]:
        answer = self.lifter(rays)
        return answer[..., :3], answer[..., 3]


def _metadata(kind: str, name: str, commit: str) -> dict[str, Any]:
    return _head(kind, name, commit) | {"skeleton": H36M17.name, "joint_names": list(H36M17.joint_names)}


def _head(kind: str, name: str, commit: str) -> dict[str, Any]:
    return {"schema": SCHEMA, "kind": kind, "name": name, "commit": commit}


def _check_joints(num_joints: int) -> None:
    if num_joints != H36M17.num_joints:
        raise UserError(
            f"only models of the {H36M17.num_joints} joints of {H36M17.name} can be exported, not {num_joints}"
        )


def _example_people(lifter: Lifter) -> Tensor:
    """Random inputs (B, 17, 2 or 4), distributed like those of the training."""
    generator = torch.Generator().manual_seed(0)
    others = torch.randn(_EXAMPLES, H36M17.num_joints - 1, 2, generator=generator)
    rays = F.pad(others * lifter.input_std.cpu() + lifter.input_mean.cpu(), (0, 0, 1, 0))  # the root is the first joint
    if lifter.config.channels != PERSON_CHANNELS:
        return rays
    confidence = torch.rand(_EXAMPLES, H36M17.num_joints, 1, generator=generator)
    size = lifter.size_mean.exp().cpu().expand_as(confidence)
    return torch.cat((rays, confidence, size), dim=-1)


def _example_images(size: int) -> Tensor:
    """Random images (B, size, size, 3) uint8: coloured blobs with noise, closer to real images than noise alone."""
    generator = torch.Generator().manual_seed(0)
    blobs = F.interpolate(torch.rand(_EXAMPLES, 3, 8, 8, generator=generator), size=(size, size), mode="bilinear")
    noise = 0.1 * torch.rand(blobs.shape, generator=generator)
    return ((blobs * 0.9 + noise) * 255).byte().permute(0, 2, 3, 1).contiguous()
