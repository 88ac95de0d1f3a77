"""Kinds of poses as lists of variants, each with ranges for trunk and legs.

Angles are in degrees. The ranges are set by hand for poses of everyday life and sport; they are wide rather than
typical. `sampler` draws from them.
"""

from dataclasses import dataclass

from hourlift.synth.pose.arms import Span


@dataclass(frozen=True, kw_only=True)
class Leg:
    """Ranges of one leg.

    Attributes:
        flex: Thigh forward from straight down, as seen by a pelvis that does not pitch.
        knee: Flexion of the knee.
        shin: Instead of `knee`: how far the shin points backwards from straight down.
        spread: Thigh outwards.
        turn: Toes (or a bent knee's shin) outwards (inwards).
    """

    flex: Span
    knee: Span = (1, 14)
    shin: Span | None = None
    spread: Span = (-3, 14)
    turn: Span = (-8, 22)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Ranges of one variant of a kind of pose.

    Attributes:
        weight: Among the variants of the kind.
        leg: Both legs, each drawn independently.
        other: Instead of `leg` for one of them, left or right.
        bend: Trunk forward.
        pitch: Pelvis forward, with everything above it; the legs are unchanged.
        side: Spread of bending to the side.
        twist: Spread of the trunk's twist.
        gaze: Share of the forward bend of trunk and pelvis that the neck compensates.
        feet: "flat" keeps the soles level, "loose" is any angle, "pointed" stretches them.
        arms: Key of `arms.PRESETS`.
        way: Rotation of the whole person, one of WAYS.
    """

    weight: float
    leg: Leg
    other: Leg | None = None
    bend: Span = (-4, 12)
    pitch: Span = (-4, 6)
    side: float = 7
    twist: float = 11
    gaze: Span = (0, 0.5)
    feet: str = "flat"
    arms: str = "free"
    way: str = "upright"


STRAIGHT = Leg(flex=(-6, 10))
_RELAXED = Leg(flex=(2, 26), knee=(8, 50), spread=(-2, 18))
_TUCKED = Leg(flex=(105, 136), knee=(115, 150), spread=(-4, 18))
_ANY = Leg(flex=(-35, 128), knee=(0, 140), spread=(-14, 65), turn=(-30, 50))
_ANY_STRAIGHT = Leg(flex=(-35, 125), knee=(0, 14), spread=(-14, 70), turn=(-25, 45))
_LONG = Leg(flex=(76, 96), knee=(0, 18), spread=(-2, 32), turn=(-5, 25))
_CHAIR = Leg(flex=(76, 98), shin=(-22, 18), spread=(-4, 24))
_TAILOR = Leg(flex=(82, 108), knee=(112, 138), spread=(32, 52), turn=(50, 72))
_KNEELING = Leg(flex=(-6, 14), shin=(84, 96), spread=(-2, 18), turn=(-8, 14))

VARIANTS: dict[str, tuple[Variant, ...]] = {
    "stand": (
        Variant(weight=6, leg=STRAIGHT),
        Variant(weight=3, leg=STRAIGHT, other=_RELAXED),
        Variant(weight=1.5, leg=Leg(flex=(-8, 14), spread=(8, 32), turn=(0, 28))),
        Variant(weight=1, leg=STRAIGHT, other=Leg(flex=(-4, 10), spread=(-18, -8), knee=(2, 22))),  # crossed
        Variant(weight=1, leg=STRAIGHT, other=Leg(flex=(-20, 85), knee=(20, 120), spread=(-5, 35)), feet="loose"),
        Variant(weight=1, leg=Leg(flex=(-28, 30), knee=(2, 22), spread=(-2, 24))),  # a step
    ),
    "walk": (Variant(weight=1, leg=STRAIGHT, arms="walk", feet="loose"),),
    "run": (Variant(weight=1, leg=STRAIGHT, arms="walk", feet="loose", bend=(2, 20), pitch=(2, 16)),),
    "sit": (
        Variant(weight=4, leg=_CHAIR, bend=(-2, 24), pitch=(-14, 8), arms="seated"),
        Variant(weight=1.5, leg=_CHAIR, other=Leg(flex=(96, 110), shin=(2, 30), spread=(-22, -13), turn=(-8, 4)),
                bend=(0, 22), pitch=(-16, 0), feet="loose", arms="seated"),  # a thigh over the other
        Variant(weight=1, leg=_CHAIR, other=Leg(flex=(92, 108), knee=(95, 118), spread=(30, 42), turn=(50, 66)),
                bend=(4, 26), pitch=(-14, 0), feet="loose", arms="seated"),  # an ankle on a knee
        Variant(weight=1.5, leg=Leg(flex=(64, 88), knee=(4, 50)), bend=(4, 32), pitch=(-28, -4), arms="seated"),
        Variant(weight=1, leg=_CHAIR, bend=(20, 50), pitch=(4, 32), arms="seated"),
        Variant(weight=0.8, leg=Leg(flex=(70, 96), shin=(-12, 14), spread=(20, 46), turn=(5, 30)), arms="seated"),
    ),
    "floor": (
        Variant(weight=2.5, leg=_TAILOR, bend=(4, 34), pitch=(-14, 8), feet="loose", arms="seated"),
        Variant(weight=1.5, leg=_LONG, bend=(-4, 30), pitch=(-26, 8), feet="loose", arms="floor"),
        Variant(weight=1, leg=_LONG, bend=(20, 62), pitch=(5, 30), feet="loose", arms="floor"),
        Variant(weight=2, leg=_LONG, other=Leg(flex=(108, 132), knee=(105, 140), spread=(-2, 22)),
                bend=(0, 34), pitch=(-24, 4), arms="floor"),
        Variant(weight=2, leg=Leg(flex=(108, 134), knee=(105, 145), spread=(-4, 20)), bend=(6, 44), pitch=(-26, 2),
                arms="floor"),
        Variant(weight=1, leg=Leg(flex=(70, 95), knee=(95, 135), spread=(30, 55), turn=(45, 70)),
                other=Leg(flex=(60, 85), knee=(105, 140), spread=(5, 28), turn=(-40, -20)),
                bend=(0, 26), pitch=(-16, 6), side=12, feet="loose", arms="floor"),
        Variant(weight=0.8, leg=Leg(flex=(80, 95), knee=(0, 12), spread=(38, 70), turn=(0, 25)), bend=(0, 55),
                pitch=(-6, 25), feet="loose", arms="floor"),
    ),
    "crouch": (
        Variant(weight=2, leg=Leg(flex=(98, 132), shin=(4, 40), spread=(0, 40), turn=(0, 35)), bend=(5, 45),
                pitch=(10, 40), arms="crouch"),
        Variant(weight=2, leg=Leg(flex=(38, 98), shin=(5, 38), spread=(0, 34), turn=(0, 28)), bend=(0, 40),
                pitch=(10, 48), arms="crouch"),
        Variant(weight=1.5, leg=Leg(flex=(45, 100), shin=(-12, 18)), other=Leg(flex=(-30, 10), shin=(8, 80)),
                bend=(-4, 26), pitch=(-2, 28)),  # lunge
        Variant(weight=0.8, leg=Leg(flex=(40, 95), shin=(5, 32), spread=(20, 50), turn=(15, 40)),
                other=Leg(flex=(-5, 25), knee=(0, 14), spread=(35, 62)), bend=(0, 35), pitch=(0, 30), arms="crouch"),
        Variant(weight=0.7, leg=Leg(flex=(20, 60), shin=(5, 30), spread=(5, 25)), bend=(0, 30), pitch=(0, 30)),
    ),
    "kneel": (
        Variant(weight=1.5, leg=_KNEELING, bend=(-4, 22), feet="pointed"),
        Variant(weight=2, leg=Leg(flex=(76, 102), shin=(-10, 20), spread=(0, 25)), other=_KNEELING, bend=(-2, 32),
                pitch=(-4, 22), arms="crouch"),
        Variant(weight=2, leg=Leg(flex=(50, 64), shin=(86, 92), spread=(0, 22), turn=(-10, 10)), bend=(0, 36),
                pitch=(-2, 24), feet="pointed", arms="seated"),
        Variant(weight=1.5, leg=Leg(flex=(-8, 22), shin=(84, 94), spread=(-2, 16), turn=(-8, 8)), bend=(-8, 16),
                pitch=(72, 98), gaze=(0.1, 0.7), feet="pointed", arms="press"),  # on all fours
    ),
    "bend": (
        Variant(weight=3, leg=Leg(flex=(2, 24), knee=(0, 24), spread=(-2, 24)), bend=(18, 62), pitch=(25, 85),
                arms="bend"),
        Variant(weight=2, leg=Leg(flex=(8, 50), shin=(0, 16), spread=(0, 22)), bend=(10, 50), pitch=(25, 75),
                arms="bend"),
        Variant(weight=1, leg=STRAIGHT, other=Leg(flex=(-30, 30), knee=(0, 40)), bend=(10, 50), pitch=(20, 70),
                arms="bend"),
        Variant(weight=1, leg=Leg(flex=(-5, 10), spread=(2, 35)), bend=(-10, 25), side=24, twist=24, arms="reach"),
        Variant(weight=0.6, leg=Leg(flex=(-10, 8), knee=(2, 20)), bend=(-42, -14), pitch=(-16, 0), arms="reach"),
    ),
    "reach": (
        Variant(weight=2, leg=STRAIGHT, bend=(-14, 12), side=11, twist=15, arms="reach"),
        Variant(weight=1, leg=STRAIGHT, feet="pointed", bend=(-16, 5), arms="reach"),
        Variant(weight=1.5, leg=Leg(flex=(-10, 40), knee=(2, 40)), other=Leg(flex=(-32, 5), knee=(2, 30)), bend=(0, 38),
                pitch=(0, 32), side=13, twist=18, arms="reach"),
        Variant(weight=1, leg=Leg(flex=(30, 110), shin=(5, 35), spread=(0, 30)), bend=(0, 35), pitch=(5, 35), twist=16,
                arms="reach"),
        Variant(weight=0.7, leg=_KNEELING, bend=(-5, 40), side=11, twist=16, feet="pointed", arms="reach"),
    ),
    "climb": (
        Variant(weight=3, leg=Leg(flex=(55, 122), shin=(0, 50), spread=(0, 45), turn=(0, 35)),
                other=Leg(flex=(-20, 35), shin=(0, 40), spread=(0, 25)), bend=(-10, 25), pitch=(-8, 28), side=11,
                twist=13,
                feet="loose", arms="climb"),
        Variant(weight=1, leg=Leg(flex=(40, 120), shin=(5, 60), spread=(20, 60), turn=(20, 55)), bend=(-5, 25),
                pitch=(-5, 20), feet="loose", arms="climb"),
        Variant(weight=1, leg=Leg(flex=(-15, 40), knee=(0, 90), spread=(-5, 25)), bend=(-14, 10), feet="pointed",
                arms="climb"),  # hanging
        Variant(weight=0.6, leg=Leg(flex=(55, 110), shin=(-30, 25), spread=(0, 30)), other=Leg(flex=(-10, 40),
                shin=(0, 60)),
                bend=(10, 45), pitch=(20, 60), feet="loose", arms="press"),  # over a wall
    ),
    "acrobat": (
        Variant(weight=1.6, leg=Leg(flex=(-25, 22), knee=(0, 18)), bend=(-25, 8), feet="pointed", arms="inverted",
                way="inverted", gaze=(0, 0)),
        Variant(weight=1.5, leg=Leg(flex=(10, 95), knee=(0, 40)), other=Leg(flex=(-50, 5), knee=(0, 90)), bend=(-25,
                10),
                feet="pointed", arms="inverted", way="inverted"),
        Variant(weight=1, leg=Leg(flex=(-10, 40), knee=(0, 12), spread=(35, 78), turn=(0, 25)), bend=(-15, 15),
                feet="pointed", arms="inverted", way="inverted"),
        Variant(weight=2, leg=Leg(flex=(-20, 35), knee=(0, 14), spread=(25, 75)), bend=(-10, 15), side=14,
                feet="pointed",
                arms="inverted", way="cartwheel"),
        Variant(weight=2, leg=_TUCKED, bend=(25, 65), feet="pointed", arms="tuck", way="somersault", gaze=(-0.3, 0.1)),
        Variant(weight=1.2, leg=Leg(flex=(80, 128), knee=(0, 14)), bend=(15, 60), feet="pointed", arms="bend",
                way="somersault", gaze=(-0.2, 0.2)),
        Variant(weight=2, leg=Leg(flex=(-45, 5), knee=(0, 45)), bend=(-60, -15), pitch=(-15, 5), feet="pointed",
                arms="air",
                way="somersault"),
        Variant(weight=1.5, leg=Leg(flex=(72, 98), knee=(0, 10)), other=Leg(flex=(-72, -38), knee=(0, 18)),
                bend=(-20, 12),
                pitch=(5, 28), feet="pointed", arms="air"),
        Variant(weight=1, leg=Leg(flex=(0, 45), knee=(0, 10), spread=(60, 84), turn=(10, 40)), bend=(-5, 45),
                pitch=(0, 30), side=14, feet="pointed", arms="air"),
        Variant(weight=1.5, leg=Leg(flex=(-10, 45), knee=(0, 30), spread=(15, 60)), bend=(-20, 15), feet="pointed",
                arms="air"),
        Variant(weight=1.2, leg=_TUCKED, bend=(5, 40), pitch=(-5, 25), feet="loose", arms="air"),
        Variant(weight=1.5, leg=Leg(flex=(50, 115), knee=(0, 100), spread=(0, 30)),
                other=Leg(flex=(-50, 0), knee=(0, 100)), bend=(-20, 20), pitch=(-5, 20), feet="pointed",
                arms="air"),  # leap
        Variant(weight=1, leg=Leg(flex=(-6, 10), knee=(0, 18)), other=Leg(flex=(65, 130), knee=(0, 25), spread=(0, 45)),
                bend=(-15, 30), pitch=(-25, 5), side=14, feet="loose", arms="air"),  # high kick
        Variant(weight=1, leg=Leg(flex=(-6, 10), knee=(0, 20)), other=Leg(flex=(-110, -60), knee=(0, 30)), bend=(-30,
                10),
                pitch=(40, 90), gaze=(0.3, 0.8), feet="loose", arms="air"),  # scale
        Variant(weight=1, leg=Leg(flex=(-50, -25), knee=(60, 100), spread=(0, 20)), bend=(-62, -35), arms="inverted",
                way="face_up"),  # bridge
        Variant(weight=2, leg=_ANY, other=_ANY_STRAIGHT, bend=(-30, 60), side=14, twist=16, feet="loose", arms="wild",
                way="anyhow"),
    ),
    "wild": (
        Variant(weight=2, leg=_ANY, bend=(-30, 65), pitch=(-12, 45), side=14, twist=19, feet="loose", arms="wild"),
        Variant(weight=1, leg=_ANY_STRAIGHT, bend=(-30, 65), pitch=(-12, 45), side=14, twist=19, feet="loose",
                arms="wild"),
        Variant(weight=2, leg=_ANY, other=_ANY_STRAIGHT, bend=(-30, 65), pitch=(-12, 50), side=14, twist=19,
                feet="loose",
                arms="wild"),
    ),
    "lie": (
        Variant(weight=3, leg=Leg(flex=(-5, 14), knee=(0, 20), spread=(-4, 30)), feet="pointed", arms="lying",
                way="lying"),
        Variant(weight=2, leg=Leg(flex=(-4, 12), spread=(0, 25)), other=Leg(flex=(30, 85), knee=(60, 130)),
                feet="loose",
                arms="lying", way="lying"),
        Variant(weight=1.5, leg=Leg(flex=(30, 65), knee=(70, 120), spread=(-4, 22)), feet="loose", arms="lying",
                way="face_up"),
        Variant(weight=1, leg=Leg(flex=(70, 120), knee=(20, 130), spread=(0, 30)), bend=(0, 40), feet="loose",
                arms="floor",
                way="face_up"),  # legs in the air
        Variant(weight=1.5, leg=Leg(flex=(30, 110), knee=(50, 135)), bend=(5, 45), feet="loose", arms="lying",
                way="sideways"),
        Variant(weight=0.7, leg=Leg(flex=(-10, 8), knee=(0, 100)), bend=(-55, -25), feet="pointed", arms="press",
                way="face_down"),
        Variant(weight=1.5, leg=Leg(flex=(12, 32), knee=(0, 12)), bend=(-8, 14), pitch=(-28, -16), feet="loose",
                arms="press", way="face_down"),  # a press-up
    ),
}  # fmt: skip
