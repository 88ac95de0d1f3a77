// A skeleton that is posed by turning its joints, fitted to a track: hourlift.formats.rig in TypeScript.
// At rest the person stands in a T, faces z, y is up, metres; every bone is as long as the track's median has it.
import { transposed, turn, type Matrix } from "../geometry/camera";
import type { Point } from "../geometry/crop";
import { joint } from "../geometry/skeleton";
import { heldJoints, toWorld, type Track } from "./document";

export interface RigJoint {
  /** CMU's name. */
  name: string;
  /** Index of the joint above; -1 for the root, which comes first. */
  parent: number;
  /** The joint of h36m17 where it lies. */
  at: string;
  /** The joint of h36m17 at the other end of its bone; empty if it has none. */
  aimsAt: string;
  /** Where the bone points at rest. */
  rest: Point;
}

const LEFT = [1, 0, 0],
  RIGHT = [-1, 0, 0],
  UP = [0, 1, 0],
  DOWN = [0, -1, 0];

export const RIG: RigJoint[] = [];
addChain("Hips", "", "pelvis", [UP]);
addChain("LHipJoint LeftUpLeg LeftLeg LeftFoot", "Hips", "pelvis l_hip l_knee l_ankle", [LEFT, DOWN, DOWN, UP]);
addChain("RHipJoint RightUpLeg RightLeg RightFoot", "Hips", "pelvis r_hip r_knee r_ankle", [RIGHT, DOWN, DOWN, UP]);
addChain("LowerBack Spine Spine1", "Hips", "pelvis spine thorax", [UP, UP, UP]);
addChain("Neck Head", "Spine1", "thorax nose", [UP, UP], "head");
addChain("LeftShoulder LeftArm LeftForeArm LeftHand", "Spine1", "thorax l_shoulder l_elbow l_wrist", [
  LEFT,
  LEFT,
  LEFT,
  UP,
]);
addChain("RightShoulder RightArm RightForeArm RightHand", "Spine1", "thorax r_shoulder r_elbow r_wrist", [
  RIGHT,
  RIGHT,
  RIGHT,
  UP,
]);

/** A chain whose joints each aim at the next one; the last aims at `tip`. */
function addChain(names: string, above: string, joints: string, rests: Point[], tip = ""): void {
  const at = joints.split(" ");
  names.split(" ").forEach((name, i) => {
    const parent = i > 0 ? RIG.length - 1 : RIG.findIndex((other) => other.name === above);
    RIG.push({ name, parent, at: at[i]!, aimsAt: at[i + 1] ?? tip, rest: rests[i]! });
  });
}

// What Hips and Spine1 turn with: a line from the right to the left, and one that leads up.
const TRUNK: Record<string, [string, string, string, string]> = {
  Hips: ["r_hip", "l_hip", "pelvis", "spine"],
  Spine1: ["r_shoulder", "l_shoulder", "spine", "thorax"],
};

export interface RigMotion {
  /** Each joint's place relative to its parent at rest, metres. */
  offsets: Point[];
  /** The other end of each joint's bone at rest, relative to the joint; zero if it has none. */
  tips: Point[];
  /** The place of Hips, frame by frame. */
  root: Point[];
  /** [joint][frame]: turn relative to the parent. */
  rotations: Matrix[][];
  /** False where the person is not in the frame: the pose there is the last known one. */
  present: boolean[];
}

/** Fit the rig to a track.
 *
 * @throws Error when a joint is known in no frame.
 */
export function rigMotion(track: Track): RigMotion {
  const { relative, root } = heldJoints(track);
  const place = (p: Point, origin: Point): Point => {
    const [x, y, z] = toWorld(p.map((value, axis) => value + origin[axis]!)) as [number, number, number];
    return [x / 1000, z / 1000, -y / 1000]; // y up
  };
  const joints = relative.map((points, t) => points.map((p) => place(p, root[t]!)));
  const tips = RIG.map((bone) => scaled(bone.rest, medianLengthMm(track, bone) / 1000));
  const offsets = RIG.map(({ parent, at }) => (parent >= 0 && at !== RIG[parent]!.at ? tips[parent]! : [0, 0, 0]));
  const turned = worldRotations(joints);
  const rotations = RIG.map(({ parent }, i) =>
    turned[i]!.map((rotation, t) => (parent < 0 ? rotation : product(transposed(turned[parent]![t]!), rotation))),
  );
  const present = track.map((pose) => pose !== null && pose.joints_3d_mm.some((p) => p.every(Number.isFinite)));
  return { offsets, tips, root: joints.map((points) => points[0]!), rotations, present };
}

/** The rig's joints at rest, Hips at the origin. */
export function restJoints(motion: RigMotion): Point[] {
  const places: Point[] = [];
  RIG.forEach(({ parent }, i) =>
    places.push(parent < 0 ? motion.offsets[i]! : plus(places[parent]!, motion.offsets[i]!)),
  );
  return places;
}

function medianLengthMm(track: Track, bone: RigJoint): number {
  if (bone.aimsAt === "") return 0;
  const [start, end] = [joint(bone.at), joint(bone.aimsAt)];
  const lengths = track
    .map((pose) => (pose === null ? NaN : Math.hypot(...minus(pose.joints_3d_mm[end]!, pose.joints_3d_mm[start]!))))
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const half = lengths.length / 2;
  return lengths.length === 0 ? 0 : (lengths[Math.ceil(half) - 1]! + lengths[Math.floor(half)]!) / 2;
}

/** [joint][frame]: how each joint is turned from its rest, not relative to its parent. */
function worldRotations(joints: Point[][]): Matrix[][] {
  const line = (start: string, end: string) =>
    joints.map((points) => minus(points[joint(end)]!, points[joint(start)]!));
  const turned: Matrix[][] = [];
  for (const bone of RIG) {
    const trunk = TRUNK[bone.name],
      above = turned[bone.parent];
    if (trunk !== undefined) turned.push(facing(line(trunk[0], trunk[1]), line(trunk[2], trunk[3])));
    else if (bone.aimsAt === "") turned.push(above!);
    else {
      const target = line(bone.at, bone.aimsAt);
      turned.push(above!.map((rotation, t) => product(smallestTurn(turn(rotation, bone.rest), target[t]!), rotation)));
    }
  }
  return turned;
}

/** Rotations whose x is along `left` and whose y is as near to `up` as can be; where the two have one direction, the
 * frame before decides. */
function facing(left: Point[], up: Point[]): Matrix[] {
  const rotations = left.map((across, t) => {
    const x = unit(across),
      y = unit(minus(up[t]!, scaled(x, dot(up[t]!, x)))),
      z = cross(x, y);
    return Math.hypot(...z) < 0.5 ? null : transposed([x, y, z]);
  });
  let last = rotations.find((rotation) => rotation !== null) ?? [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  return rotations.map((rotation) => (last = rotation ?? last));
}

/** Rotation that brings a unit vector onto the direction of another; none for a zero. */
function smallestTurn(start: Point, end: Point): Matrix {
  const to = Math.hypot(...end) > 1e-9 ? unit(end) : start;
  let middle = unit(plus(start, to));
  if (Math.hypot(...middle) === 0) {
    // Half a turn is about any axis at a right angle: the coordinate axis farthest from the direction has one.
    const sizes = start.map(Math.abs),
      farthest = sizes.indexOf(Math.min(...sizes));
    middle = unit(
      cross(
        start,
        [0, 1, 2].map((i) => (i === farthest ? 1 : 0)),
      ),
    );
  }
  return product(halfTurn(middle), halfTurn(start)); // two half turns make twice the angle between their axes
}

const halfTurn = (axis: Point): Matrix => axis.map((a, i) => axis.map((b, j) => 2 * a * b - (i === j ? 1 : 0)));

export const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => [0, 1, 2].map((j) => row.reduce((sum, value, k) => sum + value * b[k]![j]!, 0)));
const minus = (a: Point, b: Point): Point => a.map((value, i) => value - b[i]!);
export const plus = (a: Point, b: Point): Point => a.map((value, i) => value + b[i]!);
export const scaled = (a: Point, by: number): Point => a.map((value) => value * by);
const dot = (a: Point, b: Point) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const cross = ([a, b, c]: Point, [d, e, f]: Point): Point => [b! * f! - c! * e!, c! * d! - a! * f!, a! * e! - b! * d!];
function unit(a: Point): Point {
  const length = Math.hypot(...a);
  return length > 1e-9 ? scaled(a, 1 / length) : [0, 0, 0];
}
