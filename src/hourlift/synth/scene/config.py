"""What scenes hold, and how often."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """How often scenes hold what.

    Attributes:
        place_share: Share of images in a real place, with a floor in perspective; the others show people before a
            image.
        outdoor_share: Share of the places that lie outdoors: ground to the horizon, an image behind.
        furnished_share: Share of images with furniture and clutter around the person.
        occluded_share: Share of images with something between camera and person.
        bystander_share: Share of images with another person in the background, or in front of the person.
        cutout_share: Share of images with something cut out of the bank's images before the person.
        held_share: Share of people with something in a hand.
        hover_share: Share of leaping people who are off the floor.
        platform_share: Share of those who lie, kneel or sit on the floor who do so on a bed, a mat or a stage.
    """

    place_share: float = 0.5
    outdoor_share: float = 0.42
    furnished_share: float = 0.55
    occluded_share: float = 0.2
    bystander_share: float = 0.3
    cutout_share: float = 0.0
    held_share: float = 0.0
    hover_share: float = 0.3
    platform_share: float = 0.3
