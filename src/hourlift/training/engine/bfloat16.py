"""Whether bfloat16 is worth having: where the device computes in it; elsewhere it is emulated, many times slower."""

import torch

from hourlift.predict.models.precision import processor_flags

_PROCESSOR_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # of /proc/cpuinfo: Intel and AMD, Arm


def uses_bfloat16(wanted: bool | None, device: torch.device) -> bool:
    """What is wanted; None takes bfloat16 where the device has it."""
    if wanted is not None:
        return wanted
    if device.type == "cpu":
        return bool(processor_flags() & _PROCESSOR_FLAGS)
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return True
