// The frame as numbers: for those who measure, and for those who cannot see the 3D view.
import { ANGLES, jointAngles } from "../geometry/angles";
import { JOINTS } from "../geometry/skeleton";
import type { Pose } from "../predict/predictor";

const UNKNOWN = "–";

export function angleTable(pose: Pose): HTMLTableElement {
  const angles = jointAngles(pose.joints_3d_mm);
  const cell = (key: string) => (Number.isFinite(angles[key]) ? `${whole(angles[key]!)}°` : UNKNOWN);
  const rows = ANGLES.map(({ name, title, sided }) =>
    sided ? [title, cell(`l_${name}`), cell(`r_${name}`)] : [title, cell(name), ""],
  );
  return table(`Person ${pose.person_id}`, ["Angle", "left", "right"], rows);
}

export function jointTable(pose: Pose): HTMLTableElement {
  const rows = JOINTS.map((name, j) => [
    name,
    ...pose.joints_3d_mm[j]!.map((value) => (Number.isFinite(value) ? whole(value) : UNKNOWN)),
    `${Math.round(100 * pose.confidence[j]!)} %`,
  ]);
  return table(`Person ${pose.person_id}`, ["Joint", "x", "y", "z", "confidence"], rows);
}

const whole = (value: number): string => String(Math.round(value) + 0).replace("-", "−");

function table(caption: string, head: string[], rows: string[][]): HTMLTableElement {
  const made = document.createElement("table");
  made.createCaption().textContent = caption;
  const fill = (row: HTMLTableRowElement, cells: string[], header: boolean) =>
    cells.forEach((text, i) => {
      const cell = document.createElement(header || i === 0 ? "th" : "td");
      if (cell.tagName === "TH") cell.setAttribute("scope", header ? "col" : "row");
      cell.textContent = text;
      row.append(cell);
    });
  fill(made.createTHead().insertRow(), head, true);
  const body = made.createTBody();
  for (const row of rows) fill(body.insertRow(), row, false);
  return made;
}
