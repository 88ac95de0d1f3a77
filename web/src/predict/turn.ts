// How people lean, and crops with them: hourlift.predict.models.keypoints in TypeScript.
import type { Point, Size } from "../geometry/crop";
import { joint } from "../geometry/skeleton";

/** Lean of the trunk from which a second look is worth its time. */
const TURNED_FROM_RAD = Math.PI / 6;

/** How far a trunk leans to the right in the image, -pi to pi, by joints that have no sides to mistake. */
export function trunkTilt(jointsPx: Point[]): number {
  const at = (name: string) => jointsPx[joint(name)]!;
  const [x, y] = [0, 1].map((axis) => (at("thorax")[axis]! + at("head")[axis]!) / 2 - at("pelvis")[axis]!) as Size;
  return Math.atan2(x, -y);
}

/** Whether a lean, of any number of turns, is worth a look at a turned crop. */
export const isLeaning = (rad: number) => Math.cos(rad) < Math.cos(TURNED_FROM_RAD);

/** How a crop should lean for a person a moment later. */
export function expectedTurn(jointsPx: Point[]): number {
  const tilt = trunkTilt(jointsPx);
  return isLeaning(tilt) ? tilt : 0;
}
