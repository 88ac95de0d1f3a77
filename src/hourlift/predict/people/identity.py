"""Identity of people: ids that stay the same from frame to frame.

Each person's position is predicted at constant velocity. Found people are assigned to the predicted ones by overlap of
boxes, similarity of poses and colours of clothes, for all people of a frame at once (Kuhn, The Hungarian Method, 1955).
A missing person is remembered for a second, during which they may be anywhere they could have walked to.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array, Image
from hourlift.errors import UserError
from hourlift.geometry.boxes import iou
from hourlift.predict.people.appearance import alike, colours
from hourlift.predict.people.search import JOINT_CONFIDENCE, OKS_FALLOFF, Detection, oks
from hourlift.predict.people.track import next_box

Assign = Callable[[Array], tuple[NDArray[np.intp], NDArray[np.intp]]]

REMEMBER_S = 1.0
"""A person missing for longer is forgotten, and gets a new id when they return."""
MIN_SIMILARITY = 0.2
"""Least similarity to a person who was just seen."""
MIN_SIMILARITY_RETURNED = 0.1
"""Least similarity to a person who was missing for a while."""
UNCERTAINTY_PER_S = 1.0
"""Growth of the tolerance on a missing person's position, in their sizes per second missing."""

_JUST_SEEN_S = 0.1  # shorter gaps are usual at low frame rates and not an absence
_VELOCITY_MEMORY_S = 0.2  # time constant of the moving mean: the joints' jitter dominates single steps
_COLOUR_MEMORY_S = 1.0  # the time in which light and shade change on moving people


@dataclass
class Person:
    """A person who is followed.

    Attributes:
        person_id: their id.
        last: as they were last seen, in the box around their joints.
        seen_s: time at which they were last seen.
        colours: (5, 3) of their clothes, as returned by `appearance.colours`.
        confirmed_s: time at which they were last found other than in their expected box.
        velocity_px_s: (2,) velocity at that time.
    """

    person_id: int
    last: Detection
    seen_s: float
    colours: Array
    confirmed_s: float
    velocity_px_s: Array = field(default_factory=lambda: np.zeros(2))

    def expected(self, time_s: float) -> Detection:
        """The person predicted at constant velocity."""
        shift = self.velocity_px_s * (time_s - self.seen_s)
        return Detection(self.last.box_xyxy_px + np.tile(shift, 2), self.last.joints_px + shift, self.last.scores)

    def see(self, found: Detection, time_s: float, colours: Array, *, free: bool) -> None:
        """Update their position, and their velocity and appearance if no other person may occlude them."""
        if free:
            self._learn(found, max(time_s - self.seen_s, 1e-3), colours)
        self.last, self.seen_s = found, time_s

    def _learn(self, found: Detection, duration_s: float, colours: Array) -> None:
        """Update velocity and colours."""
        sure = np.minimum(found.scores, self.last.scores) >= JOINT_CONFIDENCE
        if sure.any():
            step = np.median((found.joints_px - self.last.joints_px)[sure], axis=0)
            gain = 1 - np.exp(-duration_s / _VELOCITY_MEMORY_S)
            self.velocity_px_s = self.velocity_px_s + gain * (step / duration_s - self.velocity_px_s)
        gain = 1 - np.exp(-duration_s / _COLOUR_MEMORY_S)
        known = np.where(np.isnan(self.colours), colours, self.colours)
        self.colours = known + gain * np.nan_to_num(colours - known)


class Identities:
    """The people of a video so far.

    Raises:
        ValueError: SciPy is missing.
    """

    def __init__(self) -> None:
        self._assign = _hungarian()
        self._people: list[Person] = []
        self._next_id = 0

    def remembered(self, time_s: float) -> list[Person]:
        """All people seen less than `REMEMBER_S` ago."""
        self._people = [person for person in self._people if time_s - person.seen_s <= REMEMBER_S]
        return self._people

    def name(
        self,
        again: Sequence[Detection],
        fresh: Sequence[Detection],
        time_s: float,
        image_rgb: Image,
        num_people: float = np.inf,
    ) -> list[tuple[int, Detection]]:
        """Identify the people found in the next frame.

        Args:
            again: the people found where known people were expected; those similar to no known person are wrong, and
                are dropped.
            fresh: the other people found, the most confident first; those similar to no known person are new.
            time_s: time of the frame.
            image_rgb: (H, W, 3) uint8.
            num_people: maximum number of people. A missing person keeps their place while any other person they were
                seen with is present.

        Returns:
            Ids and people, in the order of the ids.
        """
        people = self.remembered(time_s)
        found = [*again, *fresh]
        # The box where a person was found says who was expected there; their joints say who it is.
        seen = [each._replace(box_xyxy_px=next_box(each)) for each in found]
        looks = [colours(image_rgb, each) for each in seen]
        owner = _match(people, seen, looks, time_s, self._assign)
        free = {j: _stands_free(j, person, seen, people, time_s) for j, person in owner.items()}
        for j, person in owner.items():
            person.see(seen[j], time_s, looks[j], free=free[j])
            person.confirmed_s = time_s if j >= len(again) else person.confirmed_s
        places = num_people - (len(people) if owner else 0)
        new = [j for j in range(len(again), len(found)) if j not in owner]
        for j in new[: int(np.clip(places, 0, len(new)))]:
            owner[j] = Person(self._next_id, seen[j], time_s, looks[j], time_s)
            self._next_id += 1
            people.append(owner[j])
        named = [(person.person_id, found[j]) for j, person in owner.items()]
        return sorted(named, key=lambda each: each[0])


def _match(
    people: Sequence[Person], seen: Sequence[Detection], looks: Sequence[Array], time_s: float, assign: Assign
) -> dict[int, Person]:
    """The person to whom each of ``seen`` belongs; those similar to no person are left out."""
    if not people or not seen:
        return {}
    missing_s = np.array([time_s - person.seen_s for person in people])
    similarity = _similarity(people, seen, time_s) * alike([person.colours for person in people], looks)
    least = np.where(missing_s > _JUST_SEEN_S, MIN_SIMILARITY_RETURNED, MIN_SIMILARITY)
    pairs = zip(*assign(-similarity), strict=True)
    return {int(j): people[i] for i, j in pairs if similarity[i, j] >= least[i]}


def _similarity(people: Sequence[Person], seen: Sequence[Detection], time_s: float) -> Array:
    """(N, M) similarity, 0 to 1, of each found person to each known one where they are expected or last were."""
    missing_s = np.array([[time_s - person.seen_s] for person in people])
    falloff = OKS_FALLOFF + UNCERTAINTY_PER_S * missing_s
    boxes = np.array([each.box_xyxy_px for each in seen])
    fits = []
    for view in ([person.expected(time_s) for person in people], [person.last for person in people]):
        overlap = iou(np.array([person.box_xyxy_px for person in view])[:, None], boxes[None])
        fits.append((overlap + oks(view, seen, falloff)) / 2)
    # A person seen a frame ago is where they are expected; one who stopped or turned while missing may not be.
    return np.where(missing_s > _JUST_SEEN_S, np.maximum(*fits), fits[0])


def _stands_free(j: int, person: Person, seen: Sequence[Detection], people: Sequence[Person], time_s: float) -> bool:
    """Whether no other person is seen or expected in the box of person ``seen[j]``."""
    boxes = [other.expected(time_s).box_xyxy_px for other in people if other is not person]
    boxes += [other.box_xyxy_px for k, other in enumerate(seen) if k != j]
    return not boxes or not (iou(np.array(boxes), seen[j].box_xyxy_px) > 0).any()


def _hungarian() -> Assign:
    """The exact assignment of minimum cost.

    Raises:
        ValueError: SciPy is missing.
    """
    try:
        from scipy.optimize import linear_sum_assignment
    except ModuleNotFoundError as error:
        raise UserError(
            f"following several people in a video needs the package {error.name}: pip install 'hourlift[track]'"
        ) from error
    return linear_sum_assignment
