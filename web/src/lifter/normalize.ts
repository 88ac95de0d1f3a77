// What the lifter sees: rays of a virtual camera that looks straight at the person; hourlift.lifter.normalize.
import { transposed, turn, unproject, virtualRotation, type Camera, type Matrix } from "../geometry/camera";
import { Crop, type Box, type Point } from "../geometry/crop";
import { joint, JOINTS, ROOT } from "../geometry/skeleton";

const CROP_SIZE = 256;
const CROP_MARGIN = 1.1;
const MIN_SCALE = 1e-9;

// How far each joint's ray is from the root's on average over the people of the training; mean 1.
const USUAL: Record<string, number> = {
  pelvis: 0,
  hip: 0.24,
  knee: 1.02,
  ankle: 1.795,
  spine: 0.54,
  thorax: 1.15,
  nose: 1.42,
  head: 1.7,
  shoulder: 1.12,
  elbow: 0.91,
  wrist: 1.01,
};
const USUAL_LENGTHS = JOINTS.map((name) => USUAL[name.replace(/^[lr]_/, "")]!);

export interface LiftInput {
  /** 17 x [x/z, y/z] over their mean length; the root is (0, 0). */
  rays: Point[];
  /** Turns camera axes into the virtual camera's. */
  rotation: Matrix;
  /** The mean length that the rays were divided by. */
  size: number;
}

/** Joints in pixels -> rays of the virtual camera. NaN stays NaN; an unknown root makes all NaN. */
export const normalizeJoints = (jointsPx: Point[], camera: Camera): LiftInput =>
  normalizeRays(jointsPx.map((p) => unproject(camera, p)));

function normalizeRays(rays: Point[]): LiftInput {
  const rotation = virtualRotation(rays[ROOT]!);
  const flat = rays.map((ray, j) => {
    const [x, y, z] = turn(rotation, ray) as [number, number, number];
    // The root lies exactly on the axis, without the rounding of the turn; NaN stays NaN.
    return [x, y].map((value) => (z > 0 ? value / z : NaN) * (j === ROOT ? 0 : 1));
  });
  // Of a person who lacks a far joint, the others' mean is smaller: so it is compared with what they usually have.
  let length = 0,
    usual = 0;
  flat.forEach((p, j) => {
    if (!p.every(Number.isFinite)) return;
    length += Math.hypot(...p);
    usual += USUAL_LENGTHS[j]!;
  });
  const size = length / (usual > 0 ? usual : 1);
  return { rays: flat.map((p) => p.map((value) => value / (size > MIN_SCALE ? size : 1))), rotation, size };
}

/** What a lifter of the kind "person" reads: rows of [ray, ray, confidence, size], 0 for what is unknown. */
export function personInput(
  jointsPx: Point[],
  confidence: number[],
  camera: Camera,
): { rows: Point[]; rotation: Matrix } {
  const rays = jointsPx.map((p, j) =>
    confidence[j]! > 0 && p.every(Number.isFinite) ? unproject(camera, p) : [NaN, NaN, NaN],
  );
  const lifted = normalizeRays(withRoot(rays));
  // A guessed camera does not determine the size of a person.
  const size = camera.source === "default" ? 0 : lifted.size || 0;
  const rows = lifted.rays.map((ray, j) =>
    rays[j]!.every(Number.isFinite) && ray.every(Number.isFinite) ? [...ray, confidence[j]!, size] : [0, 0, 0, size],
  );
  return { rows, rotation: lifted.rotation };
}

/** Rays whose root, where unknown, is the middle of the known hips, or of all that is known. */
function withRoot(rays: Point[]): Point[] {
  const known = (candidates: Point[]) => candidates.filter((ray) => ray.every(Number.isFinite));
  const groups = [[rays[ROOT]!], [rays[joint("r_hip")]!, rays[joint("l_hip")]!], rays].map(known);
  const group = groups.find((candidates) => candidates.length > 0) ?? [];
  const root = [0, 1, 2].map((axis) => group.reduce((sum, ray) => sum + ray[axis]!, 0) / group.length);
  return rays.map((ray, j) => (j === ROOT ? root : ray));
}

/** The lifter's answer, turned back into the axes of the real camera. */
export const denormalize = (jointsVirtualMm: Point[], rotation: Matrix): Point[] =>
  jointsVirtualMm.map((p) => turn(transposed(rotation), p));

/** The report's input: joints in pixels of the person's 256-pixel crop, less the root's. */
export function cropOffsets(jointsPx: Point[], box: Box): Point[] {
  const { scale } = Crop.fromBox(box, CROP_SIZE, CROP_MARGIN);
  return jointsPx.map((p) => p.map((value, axis) => (value - jointsPx[ROOT]![axis]!) * scale));
}
