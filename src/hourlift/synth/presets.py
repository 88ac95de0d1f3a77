"""Presets: named functions that return everything that is rendered.

`hourlift synth --preset sport -o people` renders `sport`; options of the command line change single fields, and
`dataclasses.replace` does in Python.
"""

from collections.abc import Callable

from hourlift.synth.camera import ViewConfig
from hourlift.synth.generate import SynthConfig
from hourlift.synth.motion import UPRIGHT, PoseMix
from hourlift.synth.scene import SceneConfig
from hourlift.synth.sensor import SensorConfig

SIZE = 256
"""Side of the pictures in pixels."""


def everyday() -> SynthConfig:
    """People as phones see them: every kind of pose, indoors and out."""
    return SynthConfig(size=SIZE)


def upright() -> SynthConfig:
    """The easy ones: people who mostly stand or walk, seen whole from about eye height."""
    return SynthConfig(
        size=SIZE,
        poses=UPRIGHT,
        views=ViewConfig(height=(0.8, 2.0), extreme_share=0.0, roll_spread=2.0, truncated_share=0.0),
        scene=SceneConfig(occluded_share=0.05, bystander_share=0.15),
    )


def sport() -> SynthConfig:
    """Acrobatics, jumps and falls, from odd cameras."""
    poses = PoseMix(
        stand=0.08, walk=0.17, sit=0.02, floor=0.06, crouch=0.12, kneel=0.03, wild=0.52, lie=0.1, tumble=0.3
    )
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
        stand=0.5, walk=0.12, sit=0.25, floor=0.04, crouch=0.03, kneel=0.02, wild=0.04, lie=0.03, tumble=0.0
    )
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
        stand=0.36, walk=0.28, sit=0.16, floor=0.06, crouch=0.06, kneel=0.04, wild=0.04, lie=0.03, tumble=0.0
    )
    return SynthConfig(
        size=SIZE,
        poses=poses,
        views=ViewConfig(studio=True, margin=(1.1, 1.5), shift=0.04, truncated_share=0.0),
        scene=SceneConfig(
            place_share=1.0, outdoor_share=0.0, furnished_share=0.1, occluded_share=0.0, bystander_share=0.0
        ),
        sensor=SensorConfig(strength=0.5, grey_share=0.0, low_resolution_share=0.0),
    )


PRESETS: dict[str, Callable[[], SynthConfig]] = {
    "everyday": everyday,
    "upright": upright,
    "sport": sport,
    "portrait": portrait,
    "studio": studio,
}


def preset(name: str) -> SynthConfig:
    """A preset by name.

    Raises:
        ValueError: there is no such preset; the message lists those there are.
    """
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; the presets are {', '.join(PRESETS)}")
    return PRESETS[name]()
