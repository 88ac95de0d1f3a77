// What is downloaded: the poses of one source, and what most writers start from.
import type { Camera } from "../geometry/camera";
import type { Point, Size } from "../geometry/crop";
import { JOINTS } from "../geometry/skeleton";
import type { Frame, Pose } from "../predict/predictor";

export interface Document {
  generator: string;
  source: string;
  kind: "photo" | "video";
  image_wh: Size;
  /** Average frames a second; null for a photo. */
  fps: number | null;
  camera: Camera;
  frames: Frame[];
}

/** Frames a second that a format which must have some is told for a single image. */
const STILL_FPS = 30;

export const UNKNOWN: Point = [NaN, NaN, NaN];

/** One person through all frames; null where they are not there. */
export type Track = (Pose | null)[];

/** All people in a frame, by id. */
export function tracks(document: Document): Map<number, Track> {
  const ids = [...new Set(document.frames.flatMap(({ people }) => people.map((pose) => pose.person_id)))].sort(
    (a, b) => a - b,
  );
  return new Map(
    ids.map((id) => [id, document.frames.map(({ people }) => people.find((pose) => pose.person_id === id) ?? null)]),
  );
}

/** A point of a level camera's frame in the room: x right, y away from the camera, z up. */
export const toWorld = ([x, y, z]: Point): Point => [x!, z!, -y!];

/** A pose's joints in the room, millimetres, z up; NaN where the pelvis's place is unknown. */
export const jointsWorldMm = (pose: Pose): Point[] =>
  pose.joints_3d_mm.map((p) => toWorld(p.map((value, axis) => value + pose.root_cam_mm[axis]!)));

/** Which frame to show at each tick of an even rate, and the rate. */
export function evenFrames(document: Document): { shown: number[]; fps: number } {
  const times = document.frames.map((frame) => frame.time_s);
  if (times.length < 2) return { shown: times.map((_, i) => i), fps: document.fps ?? STILL_FPS };
  const [first, last] = [times[0]!, times.at(-1)!];
  const ownFps = (times.length - 1) / (last - first);
  const fps = document.fps !== null && ownFps / 2 < document.fps && document.fps < ownFps * 2 ? document.fps : ownFps;
  const shown: number[] = [];
  for (let tick = 0, at = 0; tick <= Math.round((last - first) * fps); tick++) {
    const time = first + tick / fps;
    while (at < times.length - 1 && times[at + 1]! - time <= time - times[at]!) at++;
    shown.push(at);
  }
  return { shown, fps };
}

/** A number with a fixed count of decimals, never -0. */
export function fixed(value: number, decimals: number): string {
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? (0).toFixed(decimals) : text;
}

/** Joints of a track held: what is unknown keeps its last known place, at the start the first known.
 *
 * @throws Error when one of the joints is known in no frame.
 */
export function held(values: (Point | null)[], what: string): Point[] {
  const known = (p: Point | null): p is Point => p !== null && p.every(Number.isFinite);
  let last = values.find(known);
  if (last === undefined) throw new Error(`${what} is known in no frame`);
  return values.map((p) => (known(p) ? (last = p) : last!));
}

/** All joints of a track relative to the pelvis, held, and the pelvis's place, held; the origin where it is unknown. */
export function heldJoints(track: Track): { relative: Point[][]; root: Point[] } {
  const byJoint = JOINTS.map((name, j) =>
    held(
      track.map((pose) => pose?.joints_3d_mm[j] ?? null),
      name,
    ),
  );
  const roots = track.map((pose) => pose?.root_cam_mm ?? null);
  const someRoot = roots.some((root) => root !== null && root.every(Number.isFinite));
  return {
    relative: track.map((_, t) => byJoint.map((places) => places[t]!)),
    root: someRoot ? held(roots, "the place") : track.map(() => [0, 0, 0]),
  };
}
