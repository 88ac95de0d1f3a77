// How a skeleton looks: hourlift.geometry.skeleton_style in TypeScript.
import { JOINTS, PARENTS, sideOf, type Side } from "../geometry/skeleton";

/** Sky blue and orange of Okabe and Ito's palette (2008): told apart under every common colour blindness. */
export const COLOURS: Record<Side, [number, number, number]> = {
  left: [86, 180, 233],
  right: [230, 159, 0],
  centre: [240, 240, 236],
};
export const OUTLINE: [number, number, number] = [24, 26, 32];

const MIN_CONFIDENCE = 0.1; // a heatmap's noise floor: below it the joint's place means nothing
const FULL_CONFIDENCE = 0.6; // from here on a joint is drawn at full weight

/** How strongly to draw a joint: 0 not at all, then 0.25 rising to 1. */
export function weight(confidence: number): number {
  if (!(confidence >= MIN_CONFIDENCE)) return 0;
  return 0.25 + 0.75 * Math.min((confidence - MIN_CONFIDENCE) / (FULL_CONFIDENCE - MIN_CONFIDENCE), 1);
}

/** Bones as [parent, child, side]; a shoulder's collar bone belongs to the shoulder. */
export const BONES = PARENTS.flatMap((parent, child): [number, number, Side][] =>
  parent < 0 ? [] : [[parent, child, sideOf(JOINTS[child]!)]],
);
