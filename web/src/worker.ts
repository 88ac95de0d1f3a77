// Both networks and the decoding of videos, away from the page, which so never blocks.
import { ALL_FORMATS, BlobSource, Input, VideoSampleSink, type VideoSample } from "mediabunny";

import { cameraFromFov } from "./geometry/camera";
import type { Size } from "./geometry/crop";
import type { Answers, Event, Reply, Request } from "./messages";
import type { RgbaImage } from "./predict/cutout";
import { Predictor } from "./predict/predictor";
import { hasWebGpu, Network, openRuntime, type Engine, type Models } from "./predict/runtime";

const PREVIEW_MS = 150; // between previews of a video that is being worked through
const PREVIEW_WIDTH = 640;

type Say = (event: Event, transfer?: Transferable[]) => void;

let predictor: Predictor;
let follow: ReturnType<Predictor["follow"]>;
let queue: Promise<unknown> = Promise.resolve();
let newest = 0; // number of the newest request that ends a video which is still being worked through
const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext("2d", { willReadFrequently: true })!;

self.onmessage = ({ data: { id, request } }: MessageEvent<{ id: number; request: Request }>) => {
  if (request.kind !== "live") newest = id;
  // One after the other: a network runs one batch at a time.
  queue = queue.then(() => handle(id, request));
};

async function handle(id: number, request: Request): Promise<void> {
  const reply = (message: Reply, transfer: Transferable[] = []) => self.postMessage(message, { transfer });
  try {
    const ended = await answer(request, id, (event, transfer) => reply({ id, event }, transfer));
    reply({ id, answer: ended });
  } catch (error) {
    reply({ id, error: error instanceof Error ? error.message : String(error) });
  }
}

async function answer(request: Request, id: number, say: Say): Promise<Answers[Request["kind"]]> {
  switch (request.kind) {
    case "load":
      return load(request.models, request.engine, say);
    case "photo":
      return timed(() => predictor.predict(pixels(request.bitmap), request.camera));
    case "live": {
      if (request.restart) follow = predictor.follow();
      return timed(() => follow(pixels(request.bitmap), request.timeS, request.camera));
    }
    case "video":
      return liftVideo(request.file, request.fovDeg, () => newest !== id, say);
    case "stop":
      return null;
  }
}

/** Load both networks; where WebGPU fails, WebAssembly takes over. */
async function load(models: Models, wanted: Engine | "auto", say: Say): Promise<Answers["load"]> {
  const engine = wanted === "auto" ? ((await hasWebGpu()) ? "webgpu" : "wasm") : wanted;
  let loaded = 0;
  const total = models.hourglass.bytes + models.lifter.bytes;
  const report = (bytes: number) => say({ kind: "loading", loaded: (loaded += bytes), total });
  try {
    const { ort, info } = await openRuntime(engine);
    // The lifter is so small that sending it to a GPU costs more than running it.
    const networks = [
      await Network.load(ort, models.hourglass, engine, report),
      await Network.load(ort, models.lifter, "wasm", report),
    ] as const;
    predictor = new Predictor(...networks);
    const size = models.hourglass.contract.input_size!;
    const warmUp: RgbaImage = { wh: [size, size], rgba: new Uint8ClampedArray(size ** 2 * 4) };
    await predictor.estimate(warmUp, [[0, 0, size, size]]);
    return info;
  } catch (error) {
    if (engine === "wasm") throw error;
    console.info(`WebGPU cannot run the networks (${error}); WebAssembly does`);
    return load(models, "wasm", say);
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ people: T; ms: number }> {
  const start = performance.now();
  return { people: await work(), ms: performance.now() - start };
}

/** Work through a video frame by frame, until `isStopped`. */
async function liftVideo(
  file: Blob,
  fovDeg: number | null,
  isStopped: () => boolean,
  say: Say,
): Promise<Answers["video"]> {
  const input = new Input({ formats: ALL_FORMATS, source: new BlobSource(file) });
  const track = await input.getPrimaryVideoTrack().catch(() => null);
  if (track === null) throw new Error("this is no video that the page can read");
  if (!(await track.canDecode())) {
    const codec = track.codec ?? "unknown codec";
    throw new Error(`this browser cannot decode the video (${codec}); another one may, and hourlift predict does`);
  }
  const wh: Size = [track.displayWidth, track.displayHeight];
  const camera = cameraFromFov(wh, fovDeg ?? undefined);
  const { packetCount: numFrames, averagePacketRate: fps } = await track.computePacketStats();
  const startS = await track.getFirstTimestamp();
  say({ kind: "video", wh, camera, startS, numFrames });
  const next = predictor.follow(),
    begin = performance.now();
  let index = 0,
    shown = -Infinity;
  for await (const sample of new VideoSampleSink(track).samples()) {
    const timeS = sample.timestamp - startS;
    const image = samplePixels(sample, wh);
    sample.close();
    const people = await next(image, timeS, camera);
    const isDue = performance.now() - shown > PREVIEW_MS;
    const preview = isDue ? await createImageBitmap(canvas, { resizeWidth: Math.min(PREVIEW_WIDTH, wh[0]) }) : null;
    if (isDue) shown = performance.now();
    say({ kind: "frame", frame: { index, time_s: timeS, people }, preview }, preview === null ? [] : [preview]);
    index += 1;
    if (isStopped()) break;
    if (isDue) await new Promise((done) => setTimeout(done)); // lets a "stop" in
  }
  input.dispose();
  if (index === 0) throw new Error("the video holds no frame that can be decoded");
  return { fps, ms: performance.now() - begin, numFrames: index };
}

/** A bitmap's pixels; the bitmap is used up. */
function pixels(bitmap: ImageBitmap): RgbaImage {
  const wh: Size = [bitmap.width, bitmap.height];
  resize(wh);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return read(wh);
}

function samplePixels(sample: VideoSample, wh: Size): RgbaImage {
  resize(wh);
  sample.draw(context, 0, 0, ...wh); // turned upright
  return read(wh);
}

function resize([width, height]: Size): void {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
}

function read(wh: Size): RgbaImage {
  return { wh, rgba: context.getImageData(0, 0, ...wh).data as Uint8ClampedArray };
}
