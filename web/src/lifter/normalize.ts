// What the lifter sees: rays of a virtual camera that looks straight at the person; hourlift.lifter.normalize.
import { transposed, turn, unproject, virtualRotation, type Camera, type Matrix } from "../geometry/camera";
import { Crop, type Box, type Point } from "../geometry/crop";
import { ROOT } from "../geometry/skeleton";

const CROP_SIZE = 256;
const CROP_MARGIN = 1.1;
const MIN_SCALE = 1e-9;

export interface LiftInput {
  /** 17 x [x/z, y/z] over their mean length; the root is (0, 0). */
  rays: Point[];
  /** Turns camera axes into the virtual camera's. */
  rotation: Matrix;
}

/** Joints in pixels -> the lifter's input. An unknown joint is NaN and stays NaN; an unknown root makes all NaN. */
export function normalizeJoints(jointsPx: Point[], camera: Camera): LiftInput {
  const rays = jointsPx.map((p) => unproject(camera, p));
  const rotation = virtualRotation(rays[ROOT]!);
  const flat = rays.map((ray, j) => {
    const [x, y, z] = turn(rotation, ray) as [number, number, number];
    // The root lies exactly on the axis, without the rounding of the turn; NaN stays NaN.
    return [x, y].map((value) => (z > 0 ? value / z : NaN) * (j === ROOT ? 0 : 1));
  });
  const lengths = flat.map((p) => Math.hypot(...p)).filter(Number.isFinite);
  const scale = lengths.reduce((sum, length) => sum + length, 0) / Math.max(lengths.length, 1);
  return { rays: flat.map((p) => p.map((value) => value / (scale > MIN_SCALE ? scale : 1))), rotation };
}

/** The lifter's answer, turned back into the axes of the real camera. */
export const denormalize = (jointsVirtualMm: Point[], rotation: Matrix): Point[] =>
  jointsVirtualMm.map((p) => turn(transposed(rotation), p));

/** The report's input: joints in pixels of the person's 256-pixel crop, less the root's. */
export function cropOffsets(jointsPx: Point[], box: Box): Point[] {
  const { scale } = Crop.fromBox(box, CROP_SIZE, CROP_MARGIN);
  return jointsPx.map((p) => p.map((value, axis) => (value - jointsPx[ROOT]![axis]!) * scale));
}
