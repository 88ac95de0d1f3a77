// BVH of one person, as hourlift.formats.bvh writes it: y up, metres.
import type { Matrix } from "../geometry/camera";
import type { Point } from "../geometry/crop";
import { evenFrames, fixed, type Document, type Track } from "./document";
import { RIG, rigMotion, type RigMotion } from "./rig";

// Hands and feet are not found; what stands in for them gives the last bones a length and feet a direction. Metres.
const STAND_IN: Record<string, Point> = {
  LeftFoot: [0, 0, 0.15],
  RightFoot: [0, 0, 0.15],
  LeftHand: [0.1, 0, 0],
  RightHand: [-0.1, 0, 0],
};

/** @throws Error when a joint is known in no frame. */
export function toBvh(document: Document, track: Track): string {
  const motion = rigMotion(track);
  const { shown, fps } = evenFrames(document);
  const angles = RIG.map(({ name }, i) =>
    unwrapped(motion.rotations[i]!.map((rotation) => eulerDeg(rotation, rotationOrder(name)))),
  );
  const rows = shown.map((t) =>
    [
      ...motion.root[t]!.map((value) => fixed(value, 5)),
      ...angles.flatMap((of) => of[t]!.map((value) => fixed(value, 4))),
    ].join(" "),
  );
  const hierarchy = lines(motion, 0, 0)
    .map((line) => `${line}\n`)
    .join("");
  const motionHead = `MOTION\nFrames: ${rows.length}\nFrame Time: ${(1 / fps).toFixed(9)}\n`;
  return `HIERARCHY\n${hierarchy}${motionHead}${rows.join("\n")}\n`;
}

/** The order whose middle angle is the one that a joint uses least; see the Python module. */
const rotationOrder = (name: string): string => (/Arm|Hand|Shoulder$/.test(name) ? "ZXY" : "YZX");

/** The lines of a joint and of all that hangs on it. */
function lines(motion: RigMotion, i: number, depth: number): string[] {
  const { name, aimsAt } = RIG[i]!,
    indent = "  ".repeat(depth);
  const numbers = (p: Point) => p.map((value) => fixed(value, 6)).join(" ");
  const rotations = [...rotationOrder(name)].map((axis) => `${axis}rotation`).join(" ");
  const below = RIG.flatMap(({ parent }, child) => (parent === i ? lines(motion, child, depth + 1) : []));
  const tip = aimsAt ? motion.tips[i]! : STAND_IN[name];
  const end = below.length
    ? below
    : [`${indent}  End Site`, `${indent}  {`, `${indent}    OFFSET ${numbers(tip!)}`, `${indent}  }`];
  return [
    `${indent}${depth ? "JOINT" : "ROOT"} ${name}`,
    `${indent}{`,
    `${indent}  OFFSET ${numbers(motion.offsets[i]!)}`,
    `${indent}  CHANNELS ${depth ? "3" : "6 Xposition Yposition Zposition"} ${rotations}`,
    ...end,
    `${indent}}`,
  ];
}

/** Angles about three axes in the order XYZ, YZX or ZXY, whose rotations make a rotation. */
function eulerDeg(rotation: Matrix, order: string): Point {
  const [i, j, k] = [...order].map((axis) => "XYZ".indexOf(axis)) as [number, number, number];
  const at = (row: number, column: number) => rotation[row]![column]!;
  const sine = Math.min(Math.max(at(i, k), -1), 1);
  // At a middle of +-90 degrees only the sum or difference of the others is there: all of it goes to the first.
  const locked = Math.abs(sine) > 1 - 1e-9;
  const first = locked ? Math.atan2(at(k, j), at(j, j)) : Math.atan2(-at(j, k), at(k, k));
  const last = locked ? 0 : Math.atan2(-at(i, j), at(i, i));
  return [first, Math.asin(sine), last].map((angle) => (angle * 180) / Math.PI);
}

/** Angles without jumps by a whole turn. */
function unwrapped(angles: Point[]): Point[] {
  let last = angles[0]!;
  return angles.map((now) => (last = now.map((value, i) => value - 360 * Math.round((value - last[i]!) / 360))));
}
