"""Lift a photo to 3D and print the joints: python examples/photo.py PHOTO."""

import sys

import hourlift


def main(photo: str) -> None:
    """Print where every person's joints are."""
    result = hourlift.lift(photo)
    people = result.frames[0].people
    print(f"{len(people)} person(s) in {photo}")
    for person in people:
        metres = person.root_cam_mm[2] / 1000
        print(f"person {person.person_id}: {metres:.1f} m away, mean confidence {person.score:.2f}")
        for name in hourlift.H36M17.joint_names:
            joint = person.joint(name)
            x, y, z = joint.position_mm
            print(f"  {name:<11} {x:6.0f} {y:6.0f} {z:6.0f} mm from the pelvis, confidence {joint.confidence:.2f}")


if __name__ == "__main__":
    main(sys.argv[1])
