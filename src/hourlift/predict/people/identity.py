"""Who is who: ids that stay with people from frame to frame.

Everybody is expected where they move to at constant velocity. What was found is assigned to whom was expected by the
overlap of boxes, the likeness of poses and the colours of clothes, all people of the frame at once (Kuhn, The
Hungarian Method, 1955). Who is not found is remembered for a second, in which they may be anywhere they can have
walked to.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array, Image
from hourlift.errors import UserError
from hourlift.predict.people.appearance import alike, colours
from hourlift.predict.people.search import JOINT_CONFIDENCE, OKS_FALLOFF, Detection, iou, oks
from hourlift.predict.people.track import next_box

Assign = Callable[[Array], tuple[NDArray[np.intp], NDArray[np.intp]]]

REMEMBER_S = 1.0
"""Who is missing for longer is forgotten, and somebody new when they return."""
MIN_SIMILARITY = 0.2
"""What is less like the person who was just seen is not them."""
MIN_SIMILARITY_RETURNED = 0.1
"""The same for who was missing for a while."""
UNCERTAINTY_PER_S = 1.0
"""By how many times their size people may be elsewhere than expected, for each second that they were missing."""

_JUST_SEEN_S = 0.1  # missing for no longer than this is the rule at low frame rates, and no absence
_VELOCITY_MEMORY_S = 0.2  # of the moving mean: single steps are full of the joints' jitter
_COLOUR_MEMORY_S = 1.0  # as fast as light and shade change on people who move


@dataclass
class Person:
    """Somebody who is followed.

    Attributes:
        person_id: who.
        last: as they were last seen, in the box around their joints.
        seen_s: when.
        colours: (5, 3) of their clothes, as `appearance.colours` has them.
        confirmed_s: when they were last found otherwise than by looking where they were expected.
        velocity_px_s: (2,) how they moved then.
    """

    person_id: int
    last: Detection
    seen_s: float
    colours: Array
    confirmed_s: float
    velocity_px_s: Array = field(default_factory=lambda: np.zeros(2))

    def expected(self, time_s: float) -> Detection:
        """As they will be at constant velocity."""
        shift = self.velocity_px_s * (time_s - self.seen_s)
        return Detection(self.last.box_xyxy_px + np.tile(shift, 2), self.last.joints_px + shift, self.last.scores)

    def see(self, found: Detection, time_s: float, colours: Array, *, free: bool) -> None:
        """Take note of where they are now, and of how they move and look if nobody may stand before them."""
        if free:
            self._learn(found, max(time_s - self.seen_s, 1e-3), colours)
        self.last, self.seen_s = found, time_s

    def _learn(self, found: Detection, duration_s: float, colours: Array) -> None:
        """Bring velocity and colours up to date."""
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
        ValueError: scipy is missing.
    """

    def __init__(self) -> None:
        self._assign = _hungarian()
        self._people: list[Person] = []
        self._next_id = 0

    def remembered(self, time_s: float) -> list[Person]:
        """Everybody who was seen less than `REMEMBER_S` ago."""
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
        """Say who was found in the next frame.

        Args:
            again: the people found where somebody was expected; who is like nobody known is a mistake, and left out.
            fresh: the people found otherwise, the surest first; who is like nobody known is new.
            time_s: when the frame is shown.
            image_rgb: (H, W, 3) uint8.
            num_people: how many count at most. Who is missing keeps their place while anybody else they were seen
                with is there.

        Returns:
            Ids and people, in the order of the ids.
        """
        people = self.remembered(time_s)
        found = [*again, *fresh]
        # Where a person was looked for says who was expected there; their joints say who is there.
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
    """Whose pose each of ``seen`` is; only those who are like somebody."""
    if not people or not seen:
        return {}
    missing_s = np.array([time_s - person.seen_s for person in people])
    similarity = _similarity(people, seen, time_s) * alike([person.colours for person in people], looks)
    least = np.where(missing_s > _JUST_SEEN_S, MIN_SIMILARITY_RETURNED, MIN_SIMILARITY)
    pairs = zip(*assign(-similarity), strict=True)
    return {int(j): people[i] for i, j in pairs if similarity[i, j] >= least[i]}


def _similarity(people: Sequence[Person], seen: Sequence[Detection], time_s: float) -> Array:
    """(N, M) how well what is seen fits each person where they are expected, or where they last were: 0 to 1."""
    missing_s = np.array([[time_s - person.seen_s] for person in people])
    falloff = OKS_FALLOFF + UNCERTAINTY_PER_S * missing_s
    boxes = np.array([each.box_xyxy_px for each in seen])
    fits = []
    for view in ([person.expected(time_s) for person in people], [person.last for person in people]):
        overlap = iou(np.array([person.box_xyxy_px for person in view])[:, None], boxes[None])
        fits.append((overlap + oks(view, seen, falloff)) / 2)
    # Who was seen a frame ago is where they are expected; who stopped or turned while missing may not be.
    return np.where(missing_s > _JUST_SEEN_S, np.maximum(*fits), fits[0])


def _stands_free(j: int, person: Person, seen: Sequence[Detection], people: Sequence[Person], time_s: float) -> bool:
    """Whether nobody else is seen or expected in the box of a person, who is ``seen[j]``."""
    boxes = [other.expected(time_s).box_xyxy_px for other in people if other is not person]
    boxes += [other.box_xyxy_px for k, other in enumerate(seen) if k != j]
    return not boxes or not (iou(np.array(boxes), seen[j].box_xyxy_px) > 0).any()


def _hungarian() -> Assign:
    """The exact assignment of least cost.

    Raises:
        ValueError: scipy is missing.
    """
    try:
        from scipy.optimize import linear_sum_assignment
    except ModuleNotFoundError as error:
        raise UserError(
            f"telling people in a video apart needs the package {error.name}: pip install 'hourlift[track]'"
        ) from error
    return linear_sum_assignment
