// A heatmap's peak: hourlift.hourglass.heatmap in TypeScript. Points are heatmap pixels, cell centres at integers.
import type { Point } from "../geometry/crop";

export type DecodeMethod = "argmax" | "quarter" | "dark";

const MAX_STEP = 0.5; // a peak belongs to the cell that holds the maximum
const TINY = 1e-10; // keeps the logarithm of an empty cell finite

export interface Peak {
  point: Point;
  /** The largest cell. */
  value: number;
}

/** Find the peak of one heatmap, `width` cells a row. */
export function decode(heatmap: ArrayLike<number>, width: number, method: DecodeMethod): Peak {
  const height = heatmap.length / width;
  let peak = 0;
  for (let i = 1; i < heatmap.length; i++) if (heatmap[i]! > heatmap[peak]!) peak = i;
  const [x, y] = [peak % width, Math.floor(peak / width)];
  const value = heatmap[peak]!;
  const interior = x > 0 && x < width - 1 && y > 0 && y < height - 1;
  if (method === "argmax" || !interior) return { point: [x, y], value };
  const at = (dx: number, dy: number) => heatmap[peak + dy * width + dx]!;
  const step = method === "quarter" ? quarterStep(at) : darkStep(at);
  return { point: [x + step[0]!, y + step[1]!], value };
}

type Around = (dx: number, dy: number) => number;

/** A quarter of a pixel towards the larger neighbour (Newell et al. 2016). */
const quarterStep = (at: Around): Point => [
  0.25 * Math.sign(at(1, 0) - at(-1, 0)),
  0.25 * Math.sign(at(0, 1) - at(0, -1)),
];

/** A Newton step on the logarithm (Zhang et al. 2020, equation 8); a quarter where it is not concave. */
function darkStep(at: Around): Point {
  const log: Around = (dx, dy) => Math.log(Math.max(at(dx, dy), TINY));
  const center = log(0, 0);
  const dx = (log(1, 0) - log(-1, 0)) / 2,
    dy = (log(0, 1) - log(0, -1)) / 2;
  const dxx = log(1, 0) + log(-1, 0) - 2 * center,
    dyy = log(0, 1) + log(0, -1) - 2 * center;
  const dxy = (log(1, 1) - log(-1, 1) - log(1, -1) + log(-1, -1)) / 4;
  const determinant = dxx * dyy - dxy * dxy;
  if (!(dxx < 0 && determinant > TINY)) return quarterStep(at);
  const newton = [(dxy * dy - dyy * dx) / determinant, (dxy * dx - dxx * dy) / determinant];
  return newton.map((step) => Math.min(Math.max(step, -MAX_STEP), MAX_STEP));
}
