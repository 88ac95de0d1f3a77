"""Can front and back be distinguished by what heads show? Trains a small network on head crops of the generator.

The label is whether the person faces the camera: by hips and shoulders, or by the head's own direction (`--by head`).
People seen from the side (|facing| <= 0.3) are left out, and so are heads that are not in the image or hidden.

    python experiments/2026-11-generator/front_back.py --upright
    python experiments/2026-11-generator/front_back.py --upright --plain
"""

import argparse
import time
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

import hourlift
from hourlift.geometry.skeleton import H36M17
from hourlift.synth.generate import Generator, SynthConfig
from hourlift.synth.pose.mix import UPRIGHT

CROP_PX, HEAD_M, CLEAR = 48, 0.46, 0.3
L_HIP, R_HIP, L_SHOULDER, R_SHOULDER, THORAX, NOSE, HEAD = H36M17.indices(
    "l_hip", "r_hip", "l_shoulder", "r_shoulder", "thorax", "nose", "head"
)


def facing(joints_mm: Tensor, by: str) -> Tensor:
    """How far (B,) people face the camera, from -1, its back, to 1, of joints (B, 17, 3) in the camera's frame."""
    if by == "body":
        left = joints_mm[:, L_HIP] - joints_mm[:, R_HIP] + joints_mm[:, L_SHOULDER] - joints_mm[:, R_SHOULDER]
        return functional.normalize(left, dim=-1)[:, 0]
    up = functional.normalize(joints_mm[:, HEAD] - joints_mm[:, THORAX], dim=-1)
    nose = joints_mm[:, NOSE] - joints_mm[:, THORAX]
    ahead = functional.normalize(nose - (nose * up).sum(-1, keepdim=True) * up, dim=-1)
    return -ahead[:, 2]


def crops(generator: Generator, seed: int, count: int, by: str, batch: int = 32) -> tuple[Tensor, Tensor]:
    """Head crops (N, 3, CROP_PX, CROP_PX) and labels (N,) of `count` renders, the unclear ones left out."""
    images, labels = [], []
    for chunk in range(count // batch):
        people = generator.render((seed, chunk), batch)
        face = facing(people.joints_3d_cam_mm, by)
        middle_mm = (people.joints_3d_cam_mm[:, NOSE] + people.joints_3d_cam_mm[:, HEAD]) / 2
        middle = (people.joints_2d_px[:, NOSE] + people.joints_2d_px[:, HEAD]) / 2
        half = 500 * HEAD_M * people.focal_px / middle_mm[:, 2]  # pixels
        size = people.images.shape[-1]
        steps = torch.linspace(-1, 1, CROP_PX)
        x = middle[:, :1] + half[:, None] * steps
        y = middle[:, 1:] + half[:, None] * steps
        grid = (
            torch.stack([x[:, None].expand(-1, CROP_PX, -1), y[:, :, None].expand(-1, -1, CROP_PX)], -1)
            * 2
            / (size - 1)
            - 1
        )
        taken = functional.grid_sample(people.images.float() / 255, grid, align_corners=True)
        column, row = middle.round().long().clamp(0, size - 1).unbind(1)
        inside = ((middle >= 0) & (middle < size)).all(1)
        shown = inside & people.mask[torch.arange(len(middle)), row, column] & (face.abs() > CLEAR)
        images.append(taken[shown])
        labels.append((face > 0)[shown])
    return torch.cat(images), torch.cat(labels)


def network() -> nn.Module:
    """About 100,000 parameters."""
    layers: list[nn.Module] = []
    for inner, outer in ((3, 16), (16, 32), (32, 64), (64, 112)):
        layers += [nn.Conv2d(inner, outer, 3, padding=1, bias=False), nn.BatchNorm2d(outer), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(112 * 4, 1))


def train(images: Tensor, labels: Tensor, epochs: int) -> nn.Module:
    """Trains on crops, mirrored at random and changed in brightness."""
    model = network()
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    steps = epochs * (len(images) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    for _ in range(epochs):
        order = torch.randperm(len(images))
        for part in order[: len(order) // 64 * 64].view(-1, 64):
            seen = images[part]
            seen = torch.where(torch.rand(len(part), 1, 1, 1) < 0.5, seen.flip(-1), seen)
            seen = seen * (0.7 + 0.6 * torch.rand(len(part), 1, 1, 1))
            loss = functional.binary_cross_entropy_with_logits(model(seen)[:, 0], labels[part].float())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval()


def plain(config: SynthConfig) -> SynthConfig:
    """The config without sensor, occluders and bystanders."""
    scene = replace(config.scene, occluded_share=0.0, furnished_share=0.0, bystander_share=0.0)
    return replace(config, scene=scene, sensor=replace(config.sensor, strength=0.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3072, help="renders to train on")
    parser.add_argument("--test-count", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--by", choices=["body", "head"], default="body")
    parser.add_argument("--upright", action="store_true", help="people who stand, instead of all poses")
    parser.add_argument("--plain", action="store_true", help="with an ideal sensor and nothing in the way")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = SynthConfig(size=256, poses=UPRIGHT) if arguments.upright else SynthConfig(size=256)
    if arguments.plain:
        config = plain(config)
    generator, start = Generator(config), time.perf_counter()
    images, labels = crops(generator, 1, arguments.count, arguments.by)
    unseen, truth = crops(generator, 2, arguments.test_count, arguments.by)
    rendered = time.perf_counter()
    model = train(images, labels, arguments.epochs)
    with torch.no_grad():
        right = ((model(unseen)[:, 0] > 0) == truth).float()
    print(
        f"{hourlift.__file__}: {sum(p.numel() for p in model.parameters())} parameters, {len(images)} crops of heads; "
        f"right on {len(truth)} others: {100 * right.mean():.1f} % (front {100 * right[truth].mean():.1f}, "
        f"back {100 * right[~truth].mean():.1f}); rendering {rendered - start:.0f} s, "
        f"training {time.perf_counter() - rendered:.0f} s"
    )


if __name__ == "__main__":
    main()
