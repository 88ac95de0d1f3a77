// Heatmaps -> how likely each joint is right, by the calibration in the model's metadata: hourlift.predict.models.confidence.
import { FLIP } from "../geometry/skeleton";
import type { Heatmap } from "./heatmap";

export interface CalibrationContract {
  evidence: string[];
  /** 17 x [constant, one weight for each kind of evidence]. */
  weights: number[][];
}

const EVIDENCE = ["here", "partner", "person"];
const REACH = 1 / 16;
const CERTAIN_MASS = 2 * Math.PI;
const LEAST = 1e-3;

/** Probability that each joint is right.
 *
 * @param heatmaps 17 x cells of one person, `width` a row.
 * @param peaks cells where the joints were found.
 * @throws Error when the calibration goes by other evidence than this page knows.
 */
export function calibrated(
  heatmaps: Heatmap[],
  width: number,
  peaks: number[],
  contract: CalibrationContract,
): number[] {
  if (contract.evidence.join() !== EVIDENCE.join()) {
    throw new Error(`the model's confidence goes by ${contract.evidence.join(", ")}, which this page does not know`);
  }
  const reach = Math.max(1, Math.round(REACH * width));
  const here = peaks.map((peak, j) => logit(massAround(heatmaps[j]!, width, peak, reach) / CERTAIN_MASS));
  const person = here.reduce((sum, value) => sum + value, 0) / here.length;
  return peaks.map((peak, j) => {
    const other = FLIP[j]!;
    const partner = other === j ? 0 : logit(massAround(heatmaps[other]!, width, peak, reach) / CERTAIN_MASS);
    const [constant, ...weights] = contract.weights[j]! as [number, ...number[]];
    const score = [here[j]!, partner, person].reduce((sum, value, i) => sum + value * weights[i]!, constant);
    return 1 / (1 + Math.exp(-score));
  });
}

/** Sum of the cells at most `reach` away from a cell in x and in y. */
function massAround(heatmap: Heatmap, width: number, cell: number, reach: number): number {
  const height = heatmap.length / width,
    [x, y] = [cell % width, Math.floor(cell / width)];
  let mass = 0;
  for (let v = Math.max(y - reach, 0); v <= Math.min(y + reach, height - 1); v++) {
    for (let u = Math.max(x - reach, 0); u <= Math.min(x + reach, width - 1); u++) mass += heatmap[v * width + u]!;
  }
  return mass;
}

function logit(share: number): number {
  const clipped = Math.min(Math.max(share, LEAST), 1 - LEAST);
  return Math.log(clipped) - Math.log1p(-clipped);
}
