// What the page and its worker say to each other.
import type { Camera } from "./geometry/camera";
import type { Size } from "./geometry/crop";
import type { Frame, Pose } from "./predict/predictor";
import type { Engine, EngineInfo, Models } from "./predict/runtime";

export type Request =
  | { kind: "load"; models: Models; engine: Engine | "auto" }
  | { kind: "photo"; bitmap: ImageBitmap; camera: Camera }
  | { kind: "video"; file: Blob; fovDeg: number | null }
  | { kind: "live"; bitmap: ImageBitmap; timeS: number; camera: Camera; restart: boolean }
  | { kind: "stop" };

/** What a request ends with. */
export interface Answers {
  load: EngineInfo;
  photo: { people: Pose[]; ms: number };
  video: { fps: number; ms: number; numFrames: number };
  live: { people: Pose[]; ms: number };
  stop: null;
}

/** What comes before the end. */
export type Event =
  | { kind: "loading"; loaded: number; total: number }
  | { kind: "video"; wh: Size; camera: Camera; startS: number; numFrames: number }
  | { kind: "frame"; frame: Frame; preview: ImageBitmap | null };

export type Reply = { id: number; event: Event } | { id: number; answer: unknown } | { id: number; error: string };
