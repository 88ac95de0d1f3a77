import { expect, test } from "vitest";

import { jointAngles } from "../src/geometry/angles";
import {
  cameraFromFocal35mm,
  cameraFromFov,
  fovDeg,
  solveRoot,
  turn,
  unproject,
  virtualRotation,
} from "../src/geometry/camera";
import { boxFromJoints, Crop, rescalePoint, type Box, type Size } from "../src/geometry/crop";
import { FLIP, JOINTS, PARENTS } from "../src/geometry/skeleton";
import { expectClose, points } from "./vectors";
import angles from "./vectors/angles.json";
import cameras from "./vectors/cameras.json";
import crops from "./vectors/crops.json";
import skeleton from "./vectors/skeleton.json";

const PX = 1e-6,
  MM = 1e-3;

test("the skeleton is that of the package", () => {
  expect({ joints: JOINTS, parents: PARENTS, flip: FLIP }).toEqual(skeleton);
});

test("boxes and crops", () => {
  expectClose(
    crops.joints.map((joints) => boxFromJoints(points(joints))),
    crops.boxes_of_joints,
    PX,
  );
  const made = crops.boxes.map((box, i) => {
    const { centerPx, sidePx, size } = Crop.fromBox(box as Box, 128, 1.1);
    return new Crop(centerPx, sidePx, size, crops.turns_rad[i]);
  });
  expectClose(
    made.map((crop) => crop.offset),
    crops.offsets,
    PX,
  );
  expectClose(
    made.map((crop) => crop.scale),
    crops.scales,
    PX,
  );
  expectClose(
    made.map((crop) => crop.toImage([8, 3]).map((value, axis) => value - crop.toImage([7, 3])[axis]!)),
    made.map((crop) => crop.step),
    PX,
  );
  expectClose(
    made.map((crop) => crops.points.map((p) => crop.toCrop(p))),
    crops.to_crop,
    PX,
  );
  expectClose(
    made.map((crop) => crops.points.map((p) => crop.toImage(p))),
    crops.to_image,
    PX,
  );
  expectClose(
    crops.points.map((p) => rescalePoint(p, 0.25)),
    crops.rescaled,
    PX,
  );
});

test("an empty box is refused", () => {
  expect(() => Crop.fromBox([3, 4, 3, 4], 128, 1.1)).toThrow("x0 < x1");
  expect(() => Crop.fromBox([NaN, 4, 3, 9], 128, 1.1)).toThrow("x0 < x1");
});

test("cameras and rays", () => {
  const made = cameras.made_from.map((from, i) => {
    const wh = cameras.cameras[i]!.image_wh as Size;
    return "fov_deg" in from ? cameraFromFov(wh, from.fov_deg) : cameraFromFocal35mm(wh, from.focal_35mm!);
  });
  expectClose(made, cameras.cameras, PX);
  expectClose(
    made.map((camera, i) => cameras.pixels[i]!.map((p) => unproject(camera, p))),
    cameras.rays,
    1e-9,
  );
  expect(fovDeg(made[1]!)).toBeCloseTo(40, 9);
});

test("the virtual camera", () => {
  expectClose(cameras.turns.map(virtualRotation), cameras.rotations, 1e-9);
  expectClose(turn(virtualRotation([3, -4, 12]), [3, -4, 12]), [0, 0, 13], 1e-9);
});

test("the root", () => {
  const roots = cameras.joints_mm.map((joints, i) => solveRoot(joints, cameras.rays[i]!, cameras.weights[i]!));
  expectClose(roots, cameras.roots_mm, MM);
  const mirrored = cameras.rays[0]!.map(([x, y, z]) => [-x!, -y!, z!]);
  expectClose(solveRoot(cameras.joints_mm[0]!, mirrored, cameras.weights[0]!), cameras.mirrored_root_mm, MM);
  expectClose(
    solveRoot(
      [
        [0, 0, 0],
        [NaN, 1, 2],
      ],
      [
        [0, 0, 1],
        [1, 0, 1],
      ],
      [1, 1],
    ),
    [null, null, null],
    MM,
  );
});

test("joint angles", () => {
  expectClose(
    angles.joints_mm.map((joints) => jointAngles(points(joints))),
    angles.angles_deg,
    1e-5,
  );
});
