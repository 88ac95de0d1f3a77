// CSV, tidy: one row for every frame, person and joint, as hourlift.formats.csv writes it.
import { JOINTS } from "../geometry/skeleton";
import { fixed, jointsWorldMm, type Document } from "./document";

const COLUMNS =
  "frame,time_s,person,joint,x_px,y_px,confidence,x_rel_mm,y_rel_mm,z_rel_mm,x_world_mm,y_world_mm,z_world_mm";
const DECIMALS = [2, 2, 3, 1, 1, 1, 1, 1, 1];

export function toCsv(document: Document): string {
  const rows = document.frames.flatMap(({ index, time_s, people }) =>
    [...people]
      .sort((a, b) => a.person_id - b.person_id)
      .flatMap((pose) => {
        const world = jointsWorldMm(pose);
        return JOINTS.map((name, j) => {
          const numbers = [...pose.joints_2d_px[j]!, pose.confidence[j]!, ...pose.joints_3d_mm[j]!, ...world[j]!];
          const cells = numbers.map((value, i) => (Number.isFinite(value) ? fixed(value, DECIMALS[i]!) : ""));
          return `${index},${time_s.toFixed(6)},${pose.person_id},${name},${cells.join()}\n`;
        });
      }),
  );
  return `${COLUMNS}\n${rows.join("")}`;
}
