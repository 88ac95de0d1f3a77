"""Choice of runtime and precision: what this computer can run, and which is fastest without losing accuracy.

fp32 runs everywhere, in ONNX Runtime. OpenVINO is used only if it or bf16 is requested: installing a package must not
change results, and OpenVINO compiles the network again for every number of people. bf16 halves the time on processors
with bfloat16 instructions; only OpenVINO has such kernels for PCs. int8 needs a model's 8-bit twin
(`hourlift quantise`). It is the default on processors with int8 dot-product instructions, and is used elsewhere if
requested.
"""

import importlib.util
import platform
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from hourlift.errors import UserError

Precision = Literal["fp32", "bf16", "int8"]
Runtime = Literal["onnxruntime", "openvino"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "int8")
RUNTIMES: tuple[Runtime, ...] = ("onnxruntime", "openvino")

_INT8_FLAGS = {"avx512_vnni", "avx_vnni", "asimddp"}  # of /proc/cpuinfo: Intel and AMD, Arm
_BF16_FLAGS = {"avx512_bf16", "amx_bf16"}


class Choice(NamedTuple):
    """A way to run a network."""

    runtime: Runtime
    precision: Precision

    def __str__(self) -> str:
        return f"{self.precision} in {self.runtime}"


def available(*, has_int8: bool, device: str = "cpu") -> list[Choice]:
    """List what can be run here, the fastest of each runtime first, as measured by benchmarks/precision.py.

    Args:
        has_int8: whether the model has an 8-bit twin.
        device: "cpu" or "cuda".
    """
    if device != "cpu":
        return [Choice("onnxruntime", "fp32")]
    flags = processor_flags()
    precisions: dict[Runtime, list[Precision]] = {"onnxruntime": ["fp32"]}
    if importlib.util.find_spec("openvino") is not None:
        precisions["openvino"] = ["bf16", "fp32"] if flags & _BF16_FLAGS else ["fp32"]
    if has_int8:
        for known in precisions.values():
            known.insert(0 if flags & _INT8_FLAGS else len(known), "int8")
    return [Choice(runtime, precision) for runtime, known in precisions.items() for precision in known]


def choose(precision: Precision | None, runtime: Runtime | None, *, has_int8: bool, device: str = "cpu") -> Choice:
    """Select the fastest way to run a network that meets the request.

    Args:
        precision: the arithmetic; None accepts any.
        runtime: None prefers ONNX Runtime.
        has_int8: as `available`.
        device: as `available`.

    Raises:
        ValueError: the precision or runtime is unknown or unavailable; the message says why, and what is available.
    """
    for what, asked, known in (("precision", precision, PRECISIONS), ("runtime", runtime, RUNTIMES)):
        if asked is not None and asked not in known:
            raise UserError(f"{what} must be one of {', '.join(known)}, got {asked!r}")
    ways = available(has_int8=has_int8, device=device)
    fitting = [way for way in ways if precision in (None, way.precision) and runtime in (None, way.runtime)]
    if not fitting:
        wanted = " in ".join(part for part in (precision, runtime) if part is not None)
        reason = _reason(precision, runtime, device)
        raise UserError(f"{wanted} is not available: {reason}; available: {', '.join(map(str, ways))}")
    return fitting[0]


@cache
def processor_flags() -> frozenset[str]:
    """The processor's features, by the flags of Linux's /proc/cpuinfo; empty if unknown."""
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return frozenset({"asimddp"})  # every Apple processor that hourlift runs on
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.exists() else []
    flags = next((line.partition(":")[2] for line in lines if line.startswith(("flags", "Features"))), "")
    return frozenset(flags.split())


def _reason(precision: Precision | None, runtime: Runtime | None, device: str) -> str:
    """Why a combination of precision and runtime is not available."""
    if device != "cpu":
        return f"precision and runtime can be chosen on the CPU only, not on {device}"
    if runtime == "openvino" and importlib.util.find_spec("openvino") is None:
        return "openvino is not installed (pip install 'hourlift[openvino]')"
    if precision == "int8":
        return "this model has no 8-bit twin (see hourlift quantise)"
    if not processor_flags() & _BF16_FLAGS:
        return "this processor has no bfloat16 arithmetic"
    return "bf16 runs in openvino only (pip install 'hourlift[openvino]')"
