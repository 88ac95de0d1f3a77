"""Train a small lifter, export it and use it: python examples/train_tiny.py [STEPS] [FOLDER].

Needs `pip install "hourlift[train,synth]"`. A thousand steps take a minute or two on a laptop. They show the whole
way; the lifter that ships with hourlift has learned for much longer.
"""

import sys
from dataclasses import replace
from pathlib import Path

import own_keypoints

import hourlift
from hourlift.export import export_lifter
from hourlift.lifter.network import Lifter
from hourlift.training.engine.checkpoint import load_model
from hourlift.training.engine.loop import train
from hourlift.training.lifter.stage import LifterStage
from hourlift.training.recipes import published


def main(steps: int = 1000, folder: str = "runs/tiny") -> Path:
    """Train, export, and lift a person with what came out; returns the ONNX file."""
    recipe = published()  # a frozen dataclass: change what you like
    recipe = replace(
        recipe,
        name="tiny",
        network=replace(recipe.network, width=256),
        chunk_size=1024,
        batch_size=128,
        held_out=512,
        train=replace(recipe.train, steps=steps, validate_every=max(steps // 2, 1), log_every=100),
    )
    result = train(LifterStage(recipe), recipe.train, Path(folder))
    print(f"after {result.step} steps: {result.metrics}")

    model, _ = load_model(Path(folder, "compact.pt"))
    assert isinstance(model, Lifter)
    file = Path(folder, "tiny.onnx")
    exported = export_lifter(model, file, name="tiny")
    print(f"{file}: {exported.size_bytes / 1e6:.1f} MB")

    own_keypoints.main([own_keypoints.STANDING], (640, 480), hourlift.PosePredictor(lifter=file))
    return file


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:3])
