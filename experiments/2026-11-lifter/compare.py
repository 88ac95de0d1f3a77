"""Losses, inputs and structures of the lifter, each trained from nothing for the same CPU time on one core.

    nice -n 12 python experiments/2026-11-lifter/compare.py cmu.npz --seconds 12 [--only l2 distance attention]

All see the same people in the same order, with the recipe's errors; what differs is named. The learning rate follows
the CPU time, so that every run ends with its schedule. Validation is that of `LifterStage`.
"""

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hourlift.lifter.network import Lifter, LifterConfig
from hourlift.training.engine.ema import Ema
from hourlift.training.lifter.stage import LifterRecipe, LifterStage
from hourlift.training.recipes import lifter

CPU = torch.device("cpu")
BATCH, LR = 256, 1e-3


class Attention(Lifter):
    """A small transformer over the 17 joints; what goes in and comes out is the lifter's."""

    def __init__(self, config: LifterConfig, width: int, blocks: int, heads: int = 4) -> None:
        super().__init__(replace(config, width=8, num_blocks=1, spread=False))
        self.layers = nn.Sequential()
        self.embed, self.joint = nn.Linear(5, width), nn.Parameter(0.5 * torch.randn(17, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(blocks)
        )
        self.answer = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 3))

    def forward(self, rays: Tensor) -> Tensor:
        read = self._features(rays)  # 32 of rays, 17 of confidence, 2 of size
        tokens = torch.cat(
            (
                F.pad(read[:, :32].unflatten(1, (16, 2)), (0, 0, 1, 0)),
                read[:, 32:49, None],
                read[:, None, 49:].expand(-1, 17, -1),
            ),
            dim=-1,
        )
        hidden = self.embed(tokens) + self.joint
        for block in self.blocks:
            hidden = block(hidden)
        joints_mm = self.answer(hidden)[:, 1:].float() * self.output_std + self.output_mean
        return F.pad(joints_mm, (0, 0, 1, 0))


def variants() -> dict[str, tuple[LifterRecipe, Callable[[LifterConfig], Lifter]]]:
    """By name: the recipe, and what makes its network."""
    base = lifter()
    small = replace(
        base, network=replace(base.network, width=256), bones=0.0, batch_size=BATCH, chunk_size=4096, held_out=2048
    )
    rays = replace(small, network=replace(small.network, channels=2), inputs="rays")
    wide = replace(small, network=replace(small.network, width=512))
    return {
        **{name: (replace(small, loss=name), Lifter) for name in ("l2", "compositional", "weighted", "distance")},
        "distance, bones 0.7": (replace(small, bones=0.7), Lifter),
        "rays alone": (rays, Lifter),
        "4 blocks": (replace(small, network=replace(small.network, num_blocks=4)), Lifter),
        "512 wide": (wide, Lifter),
        "attention": (
            replace(small, network=replace(small.network, spread=False)),
            lambda config: Attention(config, width=64, blocks=3),
        ),
    }


def run(name: str, motion: Path, seconds: float) -> None:
    recipe, make = variants()[name]
    stage = LifterStage(replace(recipe, train=replace(recipe.train, steps=10**6)), motion)
    torch.manual_seed(0)
    model = make(recipe.network)
    model.load_state_dict(
        {k: v for k, v in stage.build_model().state_dict().items() if k.split("_")[0] in ("input", "output", "size")},
        strict=False,
    )
    ema = Ema(model, 0.998)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    start, step = time.process_time(), 0
    for batch in stage.batches(0, CPU, 0, 1):
        done = (time.process_time() - start) / seconds
        if done >= 1:
            break
        rate = LR * (done / 0.02 if done < 0.02 else 0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16):
            loss, _ = stage.loss(model.train(), batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        ema.update(model, step)
        step += 1
    with torch.no_grad():
        scores = stage.validate(ema.model.eval(), CPU)
    size = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    cells = [f"{scores[f'{p}mpjpe']:.1f} / {scores[f'{p}pa_mpjpe']:.1f}" for p in ("", "mocap_", "noisy_")]
    print(f"| {name} | {size:.2f} M | {step} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("motion", type=Path)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--only", nargs="+", default=list(variants()))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| variant | parameters | steps | sampler | motion capture | with errors |\n|---|---:|---:|---:|---:|---:|")
    for name in arguments.only:
        run(name, arguments.motion, arguments.seconds)
