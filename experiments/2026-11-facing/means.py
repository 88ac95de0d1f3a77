r"""How far the means of features are from zero, in their standard deviations: of what bfloat16 keeps eight bits.

python experiments/2026-11-facing/means.py checkpoints/hourglass-fast.pt [other.pt ...]
"""

import sys
from pathlib import Path

from hourlift.training.engine import checkpoint


def main(files: list[Path]) -> None:
    """Prints the batch norms with the largest means of every checkpoint."""
    for file in files:
        state = checkpoint.load(file)["ema"]
        rows = []
        for name, mean in state.items():
            if name.endswith("running_mean"):
                deviation = state[name.replace("running_mean", "running_var")].sqrt()
                ratio = mean.abs() / deviation.clamp_min(1e-9)
                rows.append((ratio.mean().item(), ratio.max().item(), name))
        for average, largest, name in sorted(rows, reverse=True)[:5]:
            print(f"{file}: {average:6.1f} on average, {largest:6.1f} at most, {name}")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
