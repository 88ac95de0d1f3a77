import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
from hourlift.training.engine.memory import keep_freed_memory
import torch
if {keep}:
    assert keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(16 << 20)  # 64 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library can keep it")
def test_freed_memory_is_used_again() -> None:
    def faults(keep: bool) -> int:
        program = [sys.executable, "-c", FAULTS.format(keep=keep)]
        return int(subprocess.run(program, capture_output=True, text=True, check=True).stdout)

    without, kept = faults(keep=False), faults(keep=True)
    assert without > 500  # 20 blocks in pages of 2 MB or less
    assert kept < without / 10
