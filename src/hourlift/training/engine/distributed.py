"""Training in several processes: one per GPU or one per core.

Start them with `torchrun --nproc-per-node 2 -m hourlift train ...`. On a CPU, two processes with one thread each can
be much faster than one process with two threads.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from hourlift.errors import UserError


@dataclass(frozen=True, kw_only=True)
class World:
    """The processes of this run and the rank of this one."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and validates."""
        return self.rank == 0

    def max(self, number: int) -> int:
        """Return the largest of the processes' numbers; all processes must call this."""
        if self.size == 1:
            return number
        largest = torch.tensor(number)  # on the CPU (gloo), so it does not wait for the GPU
        dist.all_reduce(largest, op=dist.ReduceOp.MAX)
        return int(largest)

    def share(self, model: nn.Module) -> None:
        """Copy parameters and statistics of the first process to all processes."""
        if self.size > 1:
            for value in model.state_dict().values():
                dist.broadcast(value, 0)

    def device(self, name: str) -> torch.device:
        """Return this process's device.

        Raises:
            ValueError: The device is not available.
        """
        try:
            device = torch.device(name)
        except RuntimeError as error:
            raise UserError(f"There is no kind of device called {name!r}; use cpu, cuda, cuda:1 or mps.") from error
        if device.type == "cuda":
            if not torch.cuda.is_available():
                raise UserError("PyTorch finds no CUDA device here; use the device cpu.")
            device = torch.device("cuda", self.local_rank if self.size > 1 else device.index or 0)
            torch.cuda.set_device(device)
        return device

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Wrap the network so that its gradients are averaged over the processes; unchanged for one process."""
        if self.size == 1:
            return model
        return DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the network inside the wrapper of `World.wrap`, which hides its attributes."""
    inner = model.module if isinstance(model, DistributedDataParallel) else model
    assert isinstance(inner, nn.Module)
    return inner


@contextmanager
def join() -> Iterator[World]:
    """Join the other processes that the launcher announced in the environment; leave them at the end.

    Raises:
        ConnectionError: Another process has ended, so this one cannot continue.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield World(rank=dist.get_rank(), size=size, local_rank=int(os.environ.get("LOCAL_RANK", "0")))
    except RuntimeError as error:
        if not isinstance(error, dist.DistBackendError) and "gloo" not in str(error):
            raise
        raise ConnectionError(
            "Another process of this run has ended, so this one ends too; --resume goes on from the last checkpoint."
        ) from error
    finally:
        dist.destroy_process_group()
