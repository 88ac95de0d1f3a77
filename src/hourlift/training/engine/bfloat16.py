"""Whether to use bfloat16: only if the device computes in it natively. Emulation is many times slower."""

import torch

from hourlift.predict.models.precision import processor_flags

_PROCESSOR_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # flags in /proc/cpuinfo: Intel and AMD, Arm


def uses_bfloat16(wanted: bool | None, device: torch.device) -> bool:
    """Return the requested setting; None means bfloat16 if the device supports it natively."""
    if wanted is not None:
        return wanted
    if device.type == "cpu":
        return bool(processor_flags() & _PROCESSOR_FLAGS)
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return True
