// Joint angles in degrees: hourlift.geometry.angles in TypeScript; docs/angles.md explains every one.
import type { Point } from "./crop";
import { joint } from "./skeleton";

const SIDEWAYS = Math.sin((20 * Math.PI) / 180); // a limb this near to a plane's normal has no angle in that plane
const UP: Point = [0, -1, 0]; // of a level camera's frame

export const ANGLES: { name: string; title: string; sided: boolean }[] = [
  { name: "knee_flexion", title: "Knee flexion", sided: true },
  { name: "hip_flexion", title: "Hip flexion", sided: true },
  { name: "hip_abduction", title: "Hip abduction", sided: true },
  { name: "elbow_flexion", title: "Elbow flexion", sided: true },
  { name: "shoulder_flexion", title: "Shoulder flexion", sided: true },
  { name: "shoulder_abduction", title: "Shoulder abduction", sided: true },
  { name: "trunk_inclination", title: "Trunk inclination", sided: false },
  { name: "trunk_forward", title: "Trunk forward lean", sided: false },
  { name: "trunk_side", title: "Trunk side lean", sided: false },
];

/** Angles by name, `l_` and `r_` in front of those of a side; NaN where they cannot be told. */
export function jointAngles(joints: Point[]): Record<string, number> {
  const bone = (start: string, end: string) => unit(minus(joints[joint(end)]!, joints[joint(start)]!));
  const pelvisRight = bone("l_hip", "r_hip"),
    pelvisUp = across(bone("pelvis", "spine"), pelvisRight);
  const thoraxUp = bone("spine", "thorax"),
    thoraxRight = across(bone("l_shoulder", "r_shoulder"), thoraxUp);
  const angles: Record<string, number> = {};
  for (const [side, hand] of [
    ["l", -1],
    ["r", 1],
  ] as const) {
    const thigh = bone(`${side}_hip`, `${side}_knee`),
      arm = bone(`${side}_shoulder`, `${side}_elbow`);
    const leg = components(thigh, pelvisUp, scaled(pelvisRight, hand), hand);
    const upper = components(arm, thoraxUp, scaled(thoraxRight, hand), hand);
    angles[`${side}_knee_flexion`] = between(thigh, bone(`${side}_knee`, `${side}_ankle`));
    angles[`${side}_hip_flexion`] = inPlane(leg.forward, leg.down, -90);
    angles[`${side}_hip_abduction`] = degrees(Math.asin(Math.min(Math.max(leg.out, -1), 1)));
    angles[`${side}_elbow_flexion`] = between(arm, bone(`${side}_elbow`, `${side}_wrist`));
    angles[`${side}_shoulder_flexion`] = inPlane(upper.forward, upper.down, -90);
    angles[`${side}_shoulder_abduction`] = inPlane(upper.out, upper.down, -90);
  }
  const trunk = bone("pelvis", "thorax"),
    right = across(bone("l_hip", "r_hip"), UP);
  angles.trunk_inclination = between(trunk, UP);
  angles.trunk_forward = inPlane(dot(trunk, cross(UP, right)), dot(trunk, UP), -180);
  angles.trunk_side = inPlane(dot(trunk, right), dot(trunk, UP), -180);
  return angles;
}

const degrees = (radians: number) => (radians * 180) / Math.PI;
const minus = (a: Point, b: Point): Point => a.map((value, i) => value - b[i]!);
const scaled = (a: Point, by: number): Point => a.map((value) => value * by);
const dot = (a: Point, b: Point) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const cross = ([a, b, c]: Point, [d, e, f]: Point): Point => [b! * f! - c! * e!, c! * d! - a! * f!, a! * e! - b! * d!];

function unit(a: Point): Point {
  const length = Math.hypot(...a);
  return a.map((value) => (length > 1e-9 ? value / length : NaN));
}

/** The part of a unit vector at a right angle to a unit axis, of length 1; NaN when they are nearly parallel. */
function across(a: Point, axis: Point): Point {
  const part = minus(a, scaled(axis, dot(a, axis)));
  return Math.hypot(...part) >= SIDEWAYS ? unit(part) : [NaN, NaN, NaN];
}

/** A limb's shares down, forward and outward; `hand` is -1 where outward is left. */
const components = (limb: Point, up: Point, outward: Point, hand: number) => ({
  down: -dot(limb, up),
  forward: dot(limb, scaled(cross(up, outward), hand)),
  out: dot(limb, outward),
});

/** Angle of (share, along) from `along` in [low, low + 360); NaN where too little of the limb is in the plane. */
function inPlane(share: number, along: number, low: number): number {
  if (!(Math.hypot(share, along) >= SIDEWAYS)) return NaN;
  return ((((degrees(Math.atan2(share, along)) - low) % 360) + 360) % 360) + low;
}

const between = (a: Point, b: Point) =>
  degrees(2 * Math.atan2(Math.hypot(...minus(a, b)), Math.hypot(...a.map((value, i) => value + b[i]!))));
