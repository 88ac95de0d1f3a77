// Poses as JSON, schema version 1: docs/formats.md. One frame a line, as hourlift.formats.json writes it.
import type { Point } from "../geometry/crop";
import { JOINTS, PARENTS } from "../geometry/skeleton";
import type { Pose } from "../predict/predictor";
import type { Document } from "./document";

const CONVENTIONS = {
  joints_2d_px: "x right, y down, pixels of the upright image; pixel centres are integers",
  confidence: "0 (a guess) to 1 (certain)",
  joints_3d_mm: "millimetres relative to the pelvis, camera axes: x right, y down, z forward",
  root_cam_mm: "the pelvis in the camera frame, millimetres; add it to joints_3d_mm",
  box_xyxy_px: "left, top, right, bottom of the person",
  world: "z up, millimetres, floor at z = 0; point_world = rotation (point_cam - origin_cam_mm)",
  time_s: "seconds from the first frame",
  null: "unknown",
};

export function toJson(document: Document): string {
  const fields = {
    schema: "hourlift-poses",
    schema_version: 1,
    schema_minor_version: 1,
    generator: document.generator,
    source: document.source,
    kind: document.kind,
    image_wh: document.image_wh,
    fps: document.fps === null ? null : rounded(document.fps, 6),
    camera: document.camera,
    world: null, // the page does not find out how the camera stands
    skeleton: "h36m17",
    joint_names: JOINTS,
    parents: PARENTS,
    conventions: CONVENTIONS,
  };
  const header = Object.entries(fields).map(([key, value]) => `${ascii(key)}: ${ascii(value)},\n`);
  const frames = document.frames.map(({ index, time_s, people }) =>
    ascii({ index, time_s: rounded(time_s, 6), people: people.map(personFields) }),
  );
  return `{\n${header.join("")}"frames": [\n${frames.join(",\n")}\n]\n}\n`;
}

function personFields(pose: Pose) {
  const points = (values: Point[], decimals: number) => values.map((p) => p.map((value) => rounded(value, decimals)));
  return {
    person_id: pose.person_id,
    joints_2d_px: points(pose.joints_2d_px, 2),
    confidence: pose.confidence.map((value) => rounded(value, 3)),
    joints_3d_mm: points(pose.joints_3d_mm, 1),
    root_cam_mm: pose.root_cam_mm.map((value) => rounded(value, 1)),
    box_xyxy_px: pose.box_xyxy_px.map((value) => rounded(value, 2)),
  };
}

/** A rounded number; JSON.stringify turns NaN into null. */
const rounded = (value: number, decimals: number): number => Math.round(value * 10 ** decimals) / 10 ** decimals + 0;

/** JSON in one line, escaped so that it is ASCII. */
const ascii = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
