"""Content of scenes, and its frequency."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """Frequency of the content of scenes.

    Attributes:
        place_share: Share of images in a place with a floor in perspective; the others show people in front of an
            image.
        outdoor_share: Share of outdoor places: ground to the horizon, an image behind.
        furnished_share: Share of images with furniture and clutter around the person.
        occluded_share: Share of images with something between camera and person.
        bystander_share: Share of images with another person in the background, or in front of the person.
        cutout_share: Share of images with an object cut out of the bank's images in front of the person.
        held_share: Share of people holding an object.
        hover_share: Share of leaping people above the floor.
        platform_share: Share of lying, kneeling or sitting people on a bed, a mat or a stage instead of the floor.
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
