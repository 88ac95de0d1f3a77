// Finding the person without a detector: hourlift.predict.people.search in TypeScript; its comments say why.
import { boxFromJoints, wholeImageBox, type Box, type Point, type Size } from "../geometry/crop";

export const FOUND_CONFIDENCE = 0.05;
const SURE_CONFIDENCE = 0.6;
const IMPROVEMENT = 1.1;
const JOINT_CONFIDENCE = 0.15;
const MIN_JOINTS = 3;
const STABLE_IOU = 0.9;
const MAX_REFINEMENTS = 5;
const SEARCH_SIDES = [1.0, 0.6, 0.36];
const SMALLEST_SEARCH_SIDE = 0.1;
const STEP = 0.5;
const NUM_REFINED = 3;
const MISSING_GROWTH = 0.5;

/** Stage 1 in one box: joints in image pixels, confidence and heatmap peaks in [0, 1]. */
export interface Joints2D {
  jointsPx: Point[];
  confidence: number[];
  peaks: number[];
}

export interface Found extends Joints2D {
  box: Box;
}

/** Stage 1 on one image: what is in each box, at a crop that leans by so many radians. */
export type Estimate = (boxes: Box[], turnRad?: number) => Promise<Joints2D[]>;

/** Search an image for its most visible person; null when no box fits one. */
export async function findPerson(imageWh: Size, estimate: Estimate): Promise<Found | null> {
  let best: Found | null = null;
  for (const boxes of searchBoxes(imageWh)) {
    const found = await refine(boxes, estimate);
    const improved: boolean = found !== null && (best === null || fit(found.peaks) > IMPROVEMENT * fit(best.peaks));
    if (improved) best = found;
    if (best === null) continue;
    const sureness = fit(best.peaks);
    if (sureness >= SURE_CONFIDENCE || (sureness >= FOUND_CONFIDENCE && !improved)) break;
  }
  return best !== null && fit(best.peaks) >= FOUND_CONFIDENCE ? best : null;
}

/** Where to look, from coarse to fine; the first level is the whole frame. */
export function* searchBoxes(imageWh: Size): Generator<Box[]> {
  const [left, top, right, bottom] = wholeImageBox(imageWh);
  yield [[left, top, right, bottom]];
  for (const fraction of SEARCH_SIDES) {
    const side = Math.max(fraction * Math.min(...imageWh), SMALLEST_SEARCH_SIDE * Math.max(...imageWh));
    const xs = starts(left, right, side);
    yield starts(top, bottom, side).flatMap((y) => xs.map((x): Box => [x, y, x + side, y + side]));
  }
}

/** Move boxes onto the person they show a part of; the one that fits best, or null when none shows enough joints. */
async function refine(boxes: Box[], estimate: Estimate): Promise<Found | null> {
  const people = (await estimate(boxes)).map((answer, i): Found => ({ ...answer, box: boxes[i]! }));
  people.sort((a, b) => fit(b.peaks) - fit(a.peaks));
  const kept = people.slice(0, NUM_REFINED);
  for (let round = 0; round < MAX_REFINEMENTS; round++) {
    const moving = kept
      .map((person, i) => ({ i, box: personBox(person), clear: numConfident(person.peaks) >= MIN_JOINTS }))
      .filter(({ i, box, clear }) => clear && box.every(Number.isFinite) && iou(box, kept[i]!.box) < STABLE_IOU);
    if (moving.length === 0) break;
    const answers = await estimate(moving.map(({ box }) => box));
    moving.forEach(({ i, box }, n) => (kept[i] = { ...answers[n]!, box }));
  }
  const best = kept.reduce((a, b) => (fit(b.peaks) > fit(a.peaks) ? b : a));
  return numConfident(best.peaks) < MIN_JOINTS ? null : best;
}

/** How well a crop fits a whole person: mean peak, less for missing joints. */
export const fit = (peaks: number[]): number =>
  (peaks.reduce((sum, peak) => sum + peak, 0) / peaks.length) * (numConfident(peaks) / peaks.length);

/** The box to look for a person in, whole pixels, given the joints that were found; NaN where they say nothing. */
export function personBox({ jointsPx, peaks }: Joints2D): Box {
  const tight = boxFromJoints(jointsPx.filter((_, j) => peaks[j]! >= JOINT_CONFIDENCE));
  const [width, height] = [tight[2] - tight[0], tight[3] - tight[1]];
  if (!(Math.max(width, height) >= 1)) return [NaN, NaN, NaN, NaN];
  const grow = (MISSING_GROWTH / 2) * (1 - numConfident(peaks) / peaks.length);
  const box = [tight[0] - grow * width, tight[1] - grow * height, tight[2] + grow * width, tight[3] + grow * height];
  return box.map(Math.round) as Box;
}

/** Intersection over union; 0 where a box is NaN. */
export function iou(a: Box, b: Box): number {
  const area = ([x0, y0, x1, y1]: Box) => Math.max(x1 - x0, 0) * Math.max(y1 - y0, 0);
  const shared = area([Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])]);
  return shared / (area(a) + area(b) - shared) || 0;
}

const numConfident = (peaks: number[]): number => peaks.filter((peak) => peak >= JOINT_CONFIDENCE).length;

/** Where squares of a side begin so that they cover [low, high] evenly, at most `STEP` sides apart. */
function starts(low: number, high: number, side: number): number[] {
  const steps = Math.ceil((high - low - side) / (STEP * side) - 1e-9);
  if (steps <= 0) return [(low + high - side) / 2];
  return Array.from({ length: steps + 1 }, (_, i) => low + ((high - side - low) * i) / steps);
}
