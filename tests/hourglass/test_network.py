"""The hourglass against the published structure."""

import pytest
import torch
from torch import Tensor, nn

from hourlift.hourglass.network import Hourglass, HourglassConfig, Residual, StackedHourglass

Shapes = dict[str, tuple[int, ...]]


def count(config: HourglassConfig) -> float:
    """Parameters in millions."""
    return sum(parameter.numel() for parameter in StackedHourglass(config).parameters()) / 1e6


@pytest.mark.parametrize(("num_stacks", "millions"), [(1, 3.4), (2, 6.6), (4, 12.9), (8, 25.4)])
def test_published_size(num_stacks: int, millions: float) -> None:
    assert count(HourglassConfig(num_stacks=num_stacks)) == pytest.approx(millions, abs=0.05)


@pytest.mark.parametrize(("num_stacks", "millions"), [(1, 0.95), (2, 1.7), (4, 3.3), (8, 6.5)])
def test_published_size_at_half_the_width(num_stacks: int, millions: float) -> None:
    config = HourglassConfig(num_stacks=num_stacks, width=128, stem_channels=64)  # the published stem keeps its width
    assert count(config) == pytest.approx(millions, abs=0.05)


def conv(name: str, out: int, into: int, kernel: int = 1) -> Shapes:
    return {f"{name}.weight": (out, into, kernel, kernel), f"{name}.bias": (out,)}


def norm(name: str, width: int) -> Shapes:
    vectors = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.num_batches_tracked": (), **{f"{name}.{vector}": (width,) for vector in vectors}}


def published_residual(name: str, into: int, out: int) -> Shapes:
    half = out // 2
    shapes = norm(f"{name}.bn1", into) | norm(f"{name}.bn2", half) | norm(f"{name}.bn3", half)
    shapes |= conv(f"{name}.conv1.conv", half, into) | conv(f"{name}.conv2.conv", half, half, 3)
    shapes |= conv(f"{name}.conv3.conv", out, half)
    return shapes | (conv(f"{name}.skip_layer.conv", out, into) if into != out else {})


def published_hourglass(name: str, depth: int) -> Shapes:
    shapes: Shapes = {}
    for part in ("up1", "low1", "low3") + (() if depth > 1 else ("low2",)):
        shapes |= published_residual(f"{name}.{part}", 256, 256)
    return shapes | (published_hourglass(f"{name}.low2", depth - 1) if depth > 1 else {})


def published(stacks: int, joints: int) -> Shapes:
    """Entries of the public PyTorch checkpoints, without the skip layers that they hold and never use."""
    shapes = conv("pre.0.conv", 64, 3, 7) | norm("pre.0.bn", 64)
    for index, into, out in ((1, 64, 128), (3, 128, 128), (4, 128, 256)):
        shapes |= published_residual(f"pre.{index}", into, out)
    for stack in range(stacks):
        shapes |= published_hourglass(f"hgs.{stack}.0", 4)
        shapes |= published_residual(f"features.{stack}.0", 256, 256)
        shapes |= conv(f"features.{stack}.1.conv", 256, 256) | norm(f"features.{stack}.1.bn", 256)
        shapes |= conv(f"outs.{stack}.conv", joints, 256)
        if stack + 1 < stacks:
            shapes |= conv(f"merge_features.{stack}.conv.conv", 256, 256)
            shapes |= conv(f"merge_preds.{stack}.conv.conv", 256, joints)
    return shapes


def renamed(shapes: Shapes) -> Shapes:
    """Published names to ours; plain text replacement, as a converter of weights would do it."""
    places = {
        "pre.0.conv.": "stem.0.",
        "pre.0.bn.": "stem.1.",
        "pre.1.": "stem.3.",
        "pre.3.": "stem.5.",
        "pre.4.": "stem.6.",
    }
    places |= {f"features.{i}.1.{a}.": f"features.{i}.{b}." for i in range(8) for a, b in (("conv", 1), ("bn", 2))}
    places |= {f"hgs.{i}.0.": f"hourglasses.{i}." for i in range(8)} | {
        "outs.": "heatmaps.",
        "merge_preds.": "merge_heatmaps.",
    }
    parts = {"bn1.": "layers.0.", "conv1.conv.": "layers.2.", "bn2.": "layers.3.", "conv2.conv.": "layers.5."}
    parts |= {"bn3.": "layers.6.", "conv3.conv.": "layers.8.", "skip_layer.conv.": "skip."}
    parts |= {"up1.": "skip.", "low1.": "down.", "low2.": "inner.", "low3.": "up.", "conv.conv.": "", ".conv.": "."}
    ours: Shapes = {}
    for name, shape in shapes.items():
        for old, new in (places | parts).items():
            name = name.replace(old, new)
        ours[name] = shape
    return ours


def test_published_weights_fit_after_renaming() -> None:
    ours = {name: tuple(value.shape) for name, value in StackedHourglass(HourglassConfig()).state_dict().items()}
    assert renamed(published(stacks=2, joints=16)) == ours


@pytest.mark.parametrize("size", [128, 192, 256])
def test_heatmaps_are_a_quarter_of_the_input(size: int) -> None:
    network = StackedHourglass(HourglassConfig(num_stacks=3, width=8, num_joints=17)).eval()
    with torch.no_grad():
        stacks = network(torch.rand(2, 3, size, size))
    assert [tuple(heatmaps.shape) for heatmaps in stacks] == [(2, 17, size // 4, size // 4)] * 3


def test_the_answer_does_not_depend_on_the_memory_format() -> None:
    torch.manual_seed(0)
    network = StackedHourglass(HourglassConfig(num_stacks=2, width=16)).eval()
    images = torch.rand(1, 3, 64, 128)
    with torch.no_grad():
        expected = network(images)[-1]
        answer = network.to(memory_format=torch.channels_last)(images)[-1]  # type: ignore[call-overload]
    assert answer.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(answer, expected, rtol=1e-4, atol=1e-5)


def test_heatmaps_are_linear() -> None:
    torch.manual_seed(0)
    heatmaps = StackedHourglass(HourglassConfig(num_stacks=1, width=16))(torch.rand(2, 3, 64, 64))[-1]
    assert heatmaps.min() < 0 < heatmaps.max()


def influence(module: nn.Module, images: Tensor) -> Tensor:
    """(H, W) which inputs the middle of the output depends on, whatever the weights."""
    for parameter in module.parameters():
        parameter.data.abs_()  # so that no ReLU is shut and nothing cancels out
    images.requires_grad_()
    answer = module(images)
    answer[..., answer.shape[-2] // 2, answer.shape[-1] // 2].sum().backward()
    assert images.grad is not None
    return images.grad.abs().sum(dim=(0, 1)) > 0


def test_an_hourglass_sees_far_and_a_residual_its_neighbours() -> None:
    assert influence(Residual(8, 8).eval(), torch.rand(1, 8, 32, 32)).sum() == 9
    seen = influence(Hourglass((8,) * 5).eval(), torch.rand(1, 8, 64, 64))
    assert seen.any(dim=0).all() and seen.any(dim=1).all()  # max-pooling lets one of four through, so not every cell


def test_a_widening_hourglass_answers_at_the_same_size_with_more_parameters() -> None:
    config = HourglassConfig(num_stacks=2, width=32, num_joints=3, widening=1.5)
    assert config.widths == (32, 48, 64, 112, 160)
    assert HourglassConfig(width=68).widths == (68,) * 5  # the paper's is as wide everywhere, whatever its width
    answers = StackedHourglass(config).eval()(torch.rand(1, 3, 64, 64))
    assert [answer.shape for answer in answers] == [(1, 3, 16, 16)] * 2
    assert count(config) > 3 * count(HourglassConfig(num_stacks=2, width=32, num_joints=3))


def test_parts_are_told_while_training_alone() -> None:
    model = StackedHourglass(HourglassConfig(num_stacks=2, width=8, num_joints=3, depth=1, num_parts=4))
    images = torch.rand(2, 3, 16, 16)
    assert [answer.shape[1] for answer in model(images)] == [7, 7]
    assert [answer.shape[1] for answer in model.eval()(images)] == [3, 3]


def test_idle_biases_do_nothing_and_are_held() -> None:
    """In training mode, where batch norm takes the batch's own means, any value of them gives the same answer."""
    torch.manual_seed(0)
    model = StackedHourglass(HourglassConfig(num_stacks=2, width=8, num_joints=3, depth=2, widening=1.5)).train()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.5)
    images = torch.rand(3, 3, 32, 32)
    before = model(images)
    model.hold_idle_biases()
    for answer, wanted in zip(model(images), before, strict=True):
        torch.testing.assert_close(answer, wanted, atol=1e-4, rtol=1e-4)
    held = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    convolutions = {name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)}
    assert held == {f"{name}.bias" for name in convolutions if not name.startswith("heatmaps")}


def test_nothing_follows_the_residual_sum() -> None:
    block = Residual(8, 8).eval()
    nn.init.zeros_(block.layers[-1].weight)  # type: ignore[arg-type]
    nn.init.zeros_(block.layers[-1].bias)  # type: ignore[arg-type]
    x = torch.randn(1, 8, 4, 4)
    torch.testing.assert_close(block(x), x, rtol=0, atol=0)


def test_stacks_feed_on_each_other() -> None:
    """x + 1x1(features) + 1x1(heatmaps): without the merges all stacks would see the stem alone."""
    torch.manual_seed(0)
    network = StackedHourglass(HourglassConfig(num_stacks=2, width=16)).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        before = network(images)
        network.heatmaps[0].bias += 1.0  # type: ignore[operator]
        after = network(images)
    torch.testing.assert_close(after[0], before[0] + 1.0)
    assert not torch.allclose(after[1], before[1])


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="multiples of 64, got"):
        StackedHourglass(HourglassConfig(num_stacks=1, width=8))(torch.rand(1, 3, 100, 128))
    with pytest.raises(ValueError, match="multiple of 4"):
        HourglassConfig(width=30)
    with pytest.raises(ValueError, match="other sizes of 1 or more"):
        HourglassConfig(num_stacks=0)


def test_gradients_are_laid_out_as_the_weights() -> None:
    """Distributed training copies, and warns of, gradients whose strides differ from those of the weights."""
    config = HourglassConfig(num_stacks=2, width=16, depth=2, num_joints=17)
    network = StackedHourglass(config).to(memory_format=torch.channels_last).train()
    images = torch.rand(2, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    sum(answer.square().mean() for answer in network(images)).backward()
    assert [name for name, p in network.named_parameters() if p.grad.stride() != p.stride()] == []
