"""Images a second of a training step of the hourglass, against a plain one, and how long it waits for data.

"plain" is the same network as the public implementations train it: float32, NCHW, eager, Adam in a loop. "ours" is what
`hourlift train` does on a CPU: bfloat16 autocast where the processor has it, channels last, fused optimiser, freed
memory kept (for both), and average weights on top.

    python benchmarks/training.py --save benchmarks/results/training.json
    python benchmarks/training.py --width 256 --stacks 2 --size 256 --batch 4 --rounds 5
    python benchmarks/training.py --stacks 2 --size 192 --rounds 4 --no-keep-memory  # then with --keep-memory
    python benchmarks/training.py --device cuda --batch 64 --width 256 --stacks 2 --size 256
"""

import os
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
import tyro
from context import publish, surroundings
from paired import compare, print_table
from torch import nn

from hourlift.hourglass.network import HourglassConfig, StackedHourglass
from hourlift.training.engine.bfloat16 import uses_bfloat16
from hourlift.training.engine.ema import Ema
from hourlift.training.engine.memory import keep_freed_memory


class PlainResidual(nn.Module):
    """Batch norm, ReLU, convolution, three times, and a skip."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm2d(into), nn.BatchNorm2d(out // 2), nn.BatchNorm2d(out // 2)])
        self.convs = nn.ModuleList(
            [nn.Conv2d(into, out // 2, 1), nn.Conv2d(out // 2, out // 2, 3, padding=1), nn.Conv2d(out // 2, out, 1)]
        )
        self.skip = nn.Conv2d(into, out, 1) if into != out else None

    def forward(self, x):
        y = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            y = conv(F.relu(norm(y)))
        return y + (x if self.skip is None else self.skip(x))


class PlainHourglass(nn.Module):
    """Down, and up again by nearest neighbours, with a residual on every level's skip."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.skip, self.down, self.up = (PlainResidual(width, width) for _ in range(3))
        self.inner = PlainHourglass(depth - 1, width) if depth > 1 else PlainResidual(width, width)

    def forward(self, x):
        low = self.up(self.inner(self.down(F.max_pool2d(x, 2))))
        return self.skip(x) + F.interpolate(low, scale_factor=2)


class PlainNetwork(nn.Module):
    """Stem, stacks, and what leads from one to the next."""

    def __init__(self, stacks: int, width: int, joints: int) -> None:
        super().__init__()
        first = width // 4
        self.conv, self.norm = nn.Conv2d(3, first, 7, 2, 3), nn.BatchNorm2d(first)
        self.stem = nn.ModuleList(
            [PlainResidual(first, 2 * first), PlainResidual(2 * first, 2 * first), PlainResidual(2 * first, width)]
        )
        self.glasses = nn.ModuleList([PlainHourglass(4, width) for _ in range(stacks)])
        self.residuals = nn.ModuleList([PlainResidual(width, width) for _ in range(stacks)])
        self.lins = nn.ModuleList([nn.Conv2d(width, width, 1) for _ in range(stacks)])
        self.lin_norms = nn.ModuleList([nn.BatchNorm2d(width) for _ in range(stacks)])
        self.outs = nn.ModuleList([nn.Conv2d(width, joints, 1) for _ in range(stacks)])
        self.back = nn.ModuleList([nn.Conv2d(width, width, 1) for _ in range(stacks - 1)])
        self.back_outs = nn.ModuleList([nn.Conv2d(joints, width, 1) for _ in range(stacks - 1)])

    def forward(self, x):
        x = self.stem[0](F.relu(self.norm(self.conv(x))))
        x = self.stem[2](self.stem[1](F.max_pool2d(x, 2)))
        answers = []
        for i, glass in enumerate(self.glasses):
            y = F.relu(self.lin_norms[i](self.lins[i](self.residuals[i](glass(x)))))
            answers.append(self.outs[i](y))
            if i < len(self.back):
                x = x + self.back[i](y) + self.back_outs[i](answers[-1])
        return answers


def main(
    stacks: int = 1,
    width: int = 128,
    size: int = 128,
    batch: int = 16,
    threads: int = 1,
    rounds: int = 8,
    device: str = "cpu",
    keep_memory: bool = True,
    save: Path | None = None,
) -> None:
    """Measure.

    Args:
        stacks: of the network.
        width: its channels.
        size: side of the images.
        batch: images of a step.
        threads: of PyTorch.
        rounds: steps measured of each.
        device: cpu or cuda, where the network is compiled too.
        keep_memory: keep freed memory for the next step, as `hourlift train` does on a CPU.
        save: also write the results to this file.
    """
    if not keep_memory:
        os.environ["THP_MEM_ALLOC_ENABLE"] = "0"
    elif device == "cpu":
        keep_freed_memory()
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    images = torch.rand(batch, 3, size, size, device=device)
    targets = torch.rand(batch, 17, size // 4, size // 4, device=device)
    plain = PlainNetwork(stacks, width, 17).to(device)
    ours = StackedHourglass(HourglassConfig(num_stacks=stacks, width=width, num_joints=17)).to(device)
    assert _parameters(plain) == _parameters(ours), "not the same network"
    rows = compare(
        {"plain": _plain_step(plain, images, targets), "ours": _our_step(ours, images, targets, device)},
        rounds=rounds,
        per_run=batch,
    )
    for row in rows.values():
        row["images/s"] = round(1000 / row["median_ms"], 1)
        row["times as fast"] = round(1 / row["cpu_ratio" if device == "cpu" else "ratio"], 2)
    print_table("training step, ms per image", rows)
    sizes = {"stacks": stacks, "width": width, "size": size, "batch": batch, "threads": threads, "device": device}
    publish({"what": "training step, ms per image"} | sizes | {"rows": rows} | surroundings("torch"), save)


def _plain_step(network: nn.Module, images: torch.Tensor, targets: torch.Tensor) -> Callable[[], None]:
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, foreach=False)

    def step() -> None:
        optimizer.zero_grad()
        loss = sum(((answer - targets) ** 2).mean() for answer in network(images))
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def _our_step(network: nn.Module, images: torch.Tensor, targets: torch.Tensor, device: str) -> Callable[[], None]:
    network = network.to(memory_format=torch.channels_last)
    images = images.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    average = Ema(network, 0.999)
    run = torch.compile(network) if device != "cpu" else network
    bfloat16 = uses_bfloat16(None, torch.device(device))

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=bfloat16):
            answers = run(images)
        loss = sum(F.mse_loss(answer.float(), targets) for answer in answers)
        loss.backward()
        optimizer.step()
        average.update(network, 1000)
        loss.item()

    return step


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
