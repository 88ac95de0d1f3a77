// The pinhole camera without distortion, the virtual camera, and the root in closed form: hourlift.geometry.camera.
// Camera frame: x right, y down, z forward.
import type { Point, Size } from "./crop";

export const DEFAULT_FOV_DEG = 60;
const DIAGONAL_35MM = Math.hypot(36, 24);

export type Matrix = number[][]; // 3 rows of 3

export interface Camera {
  fx: number;
  fy: number;
  cx: number;
  cy: number;
  image_wh: Size;
  distortion: number[];
  source: "given" | "exif" | "default";
}

function centred(image_wh: Size, focalPx: number, source: Camera["source"]): Camera {
  const [width, height] = image_wh;
  return { fx: focalPx, fy: focalPx, cx: (width - 1) / 2, cy: (height - 1) / 2, image_wh, distortion: [], source };
}

/** Camera with a field of view along the longer side of the image. */
export function cameraFromFov(image_wh: Size, fovDeg = DEFAULT_FOV_DEG): Camera {
  const focal = Math.max(...image_wh) / 2 / Math.tan((fovDeg * Math.PI) / 360);
  return centred(image_wh, focal, fovDeg === DEFAULT_FOV_DEG ? "default" : "given");
}

/** Camera from EXIF's 35 mm equivalent focal length, which keeps the angle over the diagonal (CIPA DCG-001). */
export const cameraFromFocal35mm = (image_wh: Size, focalMm: number): Camera =>
  centred(image_wh, (focalMm * Math.hypot(...image_wh)) / DIAGONAL_35MM, "exif");

/** Field of view along the longer side of the image, degrees. */
export const fovDeg = (camera: Camera): number =>
  (Math.atan(Math.max(...camera.image_wh) / 2 / camera.fx) * 360) / Math.PI;

/** Viewing ray of an image point, z = 1. */
export const unproject = (camera: Camera, [x, y]: Point): Point => [
  (x! - camera.cx) / camera.fx,
  (y! - camera.cy) / camera.fy,
  1,
];

/** Smallest rotation that turns a ray onto the optical axis; NaN where none is singled out. */
export function virtualRotation(ray: Point): Matrix {
  const length = Math.hypot(...ray);
  const turnable = length > 0 && ray[2]! / length > -1;
  const [x, y, z] = ray.map((value) => (turnable ? value / length : NaN)) as [number, number, number];
  const k = 1 / (1 + z);
  return [
    [1 - k * x * x, -k * x * y, -x],
    [-k * x * y, 1 - k * y * y, -y],
    [x, y, z],
  ];
}

export const turn = (rotation: Matrix, point: Point): Point =>
  rotation.map((row) => row[0]! * point[0]! + row[1]! * point[1]! + row[2]! * point[2]!);

export const transposed = (matrix: Matrix): Matrix => [0, 1, 2].map((i) => matrix.map((row) => row[i]!));

/** Place of the root at which root-relative joints best reproject onto their rays; see `solve_root` in Python. */
export function solveRoot(jointsMm: Point[], rays: Point[], weights: number[]): Point {
  const known = jointsMm
    .map((p, j) => ({ p, ray: rays[j]!, weight: weights[j]! }))
    .filter(({ p, ray, weight }) => [...p, ...ray].every(Number.isFinite) && ray[2]! > 0 && weight > 0);
  const total = known.reduce((sum, { weight }) => sum + weight, 0);
  const rows = known.map(({ p, ray, weight }) => {
    const u = [ray[0]! / ray[2]!, ray[1]! / ray[2]!];
    return { w: weight / total, u, b: u.map((value, axis) => value * p[2]! - p[axis]!), z: p[2]! };
  });
  const mean = (of: (row: (typeof rows)[number]) => number) => rows.reduce((sum, row) => sum + row.w * of(row), 0);
  const meanU = [0, 1].map((axis) => mean((row) => row.u[axis]!));
  const meanB = [0, 1].map((axis) => mean((row) => row.b[axis]!));
  const spread = [0, 1].reduce((sum, i) => sum + mean((row) => (row.u[i]! - meanU[i]!) ** 2), 0);
  const slope = [0, 1].reduce((sum, i) => sum + mean((row) => (row.u[i]! - meanU[i]!) * (row.b[i]! - meanB[i]!)), 0);
  const depth = spread > 1e-12 ? -slope / spread : NaN;
  const nearest = Math.min(...rows.map((row) => row.z)) + depth;
  if (!(nearest > 0)) return [NaN, NaN, NaN];
  return [meanU[0]! * depth + meanB[0]!, meanU[1]! * depth + meanB[1]!, depth];
}
