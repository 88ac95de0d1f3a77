// Following one person through a video: hourlift.predict.people.track in TypeScript.
import type { Box, Size } from "../geometry/crop";
import { findPerson, fit, iou, personBox, type Estimate, type Found } from "./detect";
import { expectedTurn } from "./turn";

const KEEP_CONFIDENCE = 0.03;
const MOVED_IOU = 0.6;
const SEARCH_INTERVAL_S = 0.2;

/** Finds the person in each frame in turn: where they just were, else anywhere. */
export class Follower {
  private box: Box | null = null;
  private turnRad = 0;
  private searchedS = -Infinity;

  async step(imageWh: Size, timeS: number, estimate: Estimate): Promise<Found | null> {
    let found = this.box === null ? null : await lookAgain(this.box, this.turnRad, estimate);
    if (found === null && (this.box !== null || timeS - this.searchedS >= SEARCH_INTERVAL_S)) {
      found = await findPerson(imageWh, estimate);
      this.searchedS = timeS;
    }
    this.box = found === null ? null : nextBox(found);
    this.turnRad = found === null ? 0 : expectedTurn(found.jointsPx);
    return found;
  }
}

/** Look where the person was; once more where they are now, if that is somewhere else. */
async function lookAgain(box: Box, turnRad: number, estimate: Estimate): Promise<Found | null> {
  let found = await look(box, turnRad, estimate);
  const movedTo = nextBox(found);
  if (iou(movedTo, box) < MOVED_IOU) {
    const again = await look(movedTo, expectedTurn(found.jointsPx), estimate);
    if (fit(again.peaks) > fit(found.peaks)) found = again;
  }
  return fit(found.peaks) >= KEEP_CONFIDENCE ? found : null;
}

function nextBox(found: Found): Box {
  const box = personBox(found);
  return box.every(Number.isFinite) ? box : found.box;
}

async function look(box: Box, turnRad: number, estimate: Estimate): Promise<Found> {
  const [answer] = await estimate([box], turnRad);
  return { ...answer!, box };
}
