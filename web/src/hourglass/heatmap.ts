// A heatmap's peak: hourlift.hourglass.heatmap in TypeScript. Points are heatmap pixels, cell centres at integers.
import type { Point } from "../geometry/crop";

/** The cells of one joint, row by row. */
export type Heatmap = ArrayLike<number>;
export type DecodeMethod = "argmax" | "quarter" | "dark";

const APART_REACH = 1 / 16;
const APART_ODDS = 4;
const MAX_STEP = 0.5; // a peak belongs to the cell that holds the maximum
const TINY = 1e-10; // keeps the logarithm of an empty cell finite

export interface Peak {
  point: Point;
  /** The heatmap at its peak. */
  value: number;
}

/** The cell of each heatmap's peak; left and right are told apart: hourlift.hourglass.heatmap says how and why. */
export function findPeaks(heatmaps: Heatmap[], width: number, pairs: [number, number][] = []): number[] {
  const peaks = heatmaps.map((heatmap) => largest(heatmap, () => true));
  const reach = Math.max(1, Math.round(APART_REACH * width));
  const areNear = (a: number, b: number) =>
    Math.abs((a % width) - (b % width)) <= reach && Math.abs(Math.floor(a / width) - Math.floor(b / width)) <= reach;
  const near = pairs.filter(([left, right]) => areNear(peaks[left]!, peaks[right]!));
  for (const pair of near) {
    let best = { share: 1 / APART_ODDS, joint: pair[0], cell: peaks[pair[0]]! };
    for (const [joint, other] of [pair, [pair[1], pair[0]]] as const) {
      const heatmap = heatmaps[joint]!;
      const cell = largest(heatmap, (i) => !areNear(i, peaks[other]!) && isSummit(heatmap, width, i));
      const share = cell < 0 ? 0 : heatmap[cell]! / Math.max(heatmap[peaks[joint]!]!, TINY);
      if (share > best.share || (share === best.share && joint > best.joint)) best = { share, joint, cell };
    }
    peaks[best.joint] = best.cell;
  }
  return peaks;
}

/** The largest of the cells that count, the first of equal ones; -1 when none does. */
function largest(heatmap: Heatmap, counts: (cell: number) => boolean): number {
  let best = -1;
  for (let i = 0; i < heatmap.length; i++) if ((best < 0 || heatmap[i]! > heatmap[best]!) && counts(i)) best = i;
  return best;
}

/** Whether no neighbour of a cell is larger. */
function isSummit(heatmap: Heatmap, width: number, cell: number): boolean {
  const x = cell % width;
  for (let from = Math.max(cell - width, x); from <= Math.min(cell + width, heatmap.length - 1); from += width) {
    for (let i = from - Math.min(x, 1); i <= from + Math.min(width - 1 - x, 1); i++)
      if (heatmap[i]! > heatmap[cell]!) return false;
  }
  return true;
}

/** Refine the peak of one heatmap, `width` cells a row, that lies in a cell. */
export function decode(heatmap: Heatmap, width: number, method: DecodeMethod, peak: number): Peak {
  const height = heatmap.length / width;
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
