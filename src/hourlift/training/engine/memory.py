"""Keep the memory that a step has freed, instead of returning it to the system and asking for it again.

A training step on a CPU allocates and frees gigabytes in large blocks. By default the C library maps each anew, and the
system clears it page by page.
"""

import ctypes
import os

# Parameters of mallopt, malloc.h of the GNU C library: https://man7.org/linux/man-pages/man3/mallopt.3.html
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_LARGEST_BLOCK, _NEVER, _GROWTH = 1 << 30, 2**31 - 1, 1 << 28  # bytes

# PyTorch reads it once, at its first tensor: large tensors in large pages, on Linux.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def keep_freed_memory() -> bool:
    """Let this process keep freed blocks of up to 1 GB for later ones. Its memory use stays at its highest.

    Returns:
        Whether the C library can do so: only that of GNU.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library; Windows takes no None
        return False
    wanted = ((_M_MMAP_THRESHOLD, _LARGEST_BLOCK), (_M_TRIM_THRESHOLD, _NEVER), (_M_TOP_PAD, _GROWTH))
    return all(mallopt(parameter, value) == 1 for parameter, value in wanted)
