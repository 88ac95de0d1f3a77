"""Presets: named functions that return a complete configuration of the generator.

`hourlift synth --preset sport -o people` renders `sport`; command-line options override single fields, as
`dataclasses.replace` does in Python.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hourlift.errors import UserError
from hourlift.synth.camera.sensor import SensorConfig
from hourlift.synth.camera.views import ViewConfig
from hourlift.synth.clothes import makehuman
from hourlift.synth.generate import SynthConfig
from hourlift.synth.pose.mix import UPRIGHT, PoseMix
from hourlift.synth.render.probes import panorama_paths
from hourlift.synth.scene.config import SceneConfig
from hourlift.synth.scene.images import photo_paths

ASSETS_VARIABLE = "HOURLIFT_ASSETS"
"""Environment variable with the folder of MakeHuman's assets, used if no option gives one."""

SIZE = 256
"""Side of the images in pixels."""


def everyday() -> SynthConfig:
    """People as phones see them: every kind of pose, indoors and out."""
    return SynthConfig(size=SIZE)


def upright() -> SynthConfig:
    """Easy images: people who mostly stand or walk, completely visible, from about eye height."""
    return SynthConfig(
        size=SIZE,
        poses=UPRIGHT,
        views=ViewConfig(height=(0.8, 2.0), extreme_share=0.0, roll_spread=2.0, truncated_share=0.0),
        scene=SceneConfig(occluded_share=0.05, bystander_share=0.15),
    )


def sport() -> SynthConfig:
    """Acrobatics, jumps and falls, from unusual cameras."""
    poses = PoseMix(
        stand=0.05, walk=0.03, run=0.16, sit=0.01, floor=0.05, crouch=0.08, kneel=0.03, bend=0.05, reach=0.06,
        climb=0.1, acrobat=0.24, wild=0.14, lie=0.08, tumble=0.2,
    )  # fmt: skip
    return SynthConfig(
        size=SIZE,
        poses=poses,
        views=ViewConfig(distance=(2.0, 12.0), extreme_share=0.3, level_share=0.15, roll_spread=12.0),
        scene=SceneConfig(outdoor_share=0.6, hover_share=0.6),
        sensor=SensorConfig(motion_share=0.3),
    )


def portrait() -> SynthConfig:
    """People near the camera, most of them cut by the frame."""
    poses = PoseMix(
        stand=0.45, walk=0.08, run=0.02, sit=0.22, floor=0.04, crouch=0.03, kneel=0.02, bend=0.02, reach=0.06,
        climb=0.0, acrobat=0.0, wild=0.03, lie=0.03, tumble=0.0,
    )  # fmt: skip
    return SynthConfig(
        size=SIZE,
        poses=poses,
        views=ViewConfig(
            front_share=0.5, distance=(1.2, 3.0), extreme_share=0.04, margin=(1.0, 1.3), truncated_share=0.8
        ),
    )


def studio() -> SynthConfig:
    """A plain room with four fixed cameras, like Human3.6M's."""
    poses = PoseMix(
        stand=0.3, walk=0.22, run=0.01, sit=0.15, floor=0.06, crouch=0.05, kneel=0.03, bend=0.05, reach=0.06,
        climb=0.0, acrobat=0.0, wild=0.01, lie=0.03, tumble=0.0,
    )  # fmt: skip
    return SynthConfig(
        size=SIZE,
        poses=poses,
        views=ViewConfig(studio=True, margin=(1.1, 1.5), shift=0.04, truncated_share=0.0),
        scene=SceneConfig(
            place_share=1.0, outdoor_share=0.0, furnished_share=0.1, occluded_share=0.0, bystander_share=0.0
        ),
        sensor=SensorConfig(strength=0.5, grey_share=0.0, low_resolution_share=0.0),
    )


def photograph() -> SynthConfig:
    """People as in everyday photographs, ideally in front of some: often sitting, truncated or half hidden."""
    poses = PoseMix(
        stand=0.2, walk=0.1, run=0.03, sit=0.14, floor=0.02, crouch=0.03, kneel=0.01, bend=0.02, reach=0.02,
        climb=0.01, acrobat=0.01, wild=0.01, prior=0.4, lie=0.01, tumble=0.01,
    )  # fmt: skip
    return SynthConfig(
        size=SIZE,
        poses=poses,
        views=ViewConfig(
            front_share=0.3, front_angle=75.0, distance=(1.0, 9.0), extreme_share=0.04, margin=(1.0, 1.5),
            truncated_share=0.32, upper_share=0.75,
        ),
        scene=SceneConfig(
            place_share=0.2, furnished_share=0.2, occluded_share=0.08, bystander_share=0.4, cutout_share=0.3,
            held_share=0.3,
        ),
        sensor=SensorConfig(strength=0.6),
    )  # fmt: skip


PRESETS: dict[str, Callable[[], SynthConfig]] = {
    "everyday": everyday,
    "upright": upright,
    "sport": sport,
    "portrait": portrait,
    "studio": studio,
    "photograph": photograph,
}


def preset(name: str) -> SynthConfig:
    """Return a preset by name.

    Raises:
        ValueError: there is no such preset; the message lists the presets.
    """
    if name not in PRESETS:
        raise UserError(f"there is no preset {name!r}; the presets are {', '.join(PRESETS)}")
    return PRESETS[name]()


def with_images(
    config: SynthConfig, backgrounds: Sequence[Path] = (), assets: Path | None = None, panoramas: Path | None = None
) -> SynthConfig:
    """Return the configuration with a user's images. Folders are checked now, not later in a rendering process.

    Args:
        config: Configuration of the generator.
        backgrounds: Folders of photographs.
        assets: Folder of MakeHuman's clothes, hair and skins; by default that of $HOURLIFT_ASSETS, if set.
        panoramas: Folder of panoramas of high dynamic range (.hdr).

    Raises:
        ValueError: a folder is missing, or contains no such files.
    """
    for folder in backgrounds:
        photo_paths(folder)
    default = os.environ.get(ASSETS_VARIABLE)
    assets = Path(default) if assets is None and default else assets
    if assets is not None:
        makehuman.find(assets)
    if panoramas is not None:
        panorama_paths(panoramas)
    photos = backgrounds[0] if len(backgrounds) == 1 else tuple(backgrounds) or None
    return replace(config, photos=photos, assets=assets, probes=panoramas)


def with_motion(config: SynthConfig, motion: Path) -> SynthConfig:
    """Return the configuration with half of the poses from motion capture: a file, or a folder of files."""
    others = replace(config.poses, captured=0.0)
    return replace(config, motion=motion, poses=replace(others, captured=sum(others.weights)))
