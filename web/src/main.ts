// The page: what comes in (photo, video, webcam), what is shown of it, what is downloaded.
import "../../src/hourlift/view/theme.css";
import "./style.css";

import { Client } from "./client";
import type { Document } from "./formats/document";
import { makeFile, save, type Format } from "./formats/download";
import { cameraFromFocal35mm, cameraFromFov, fovDeg, type Camera } from "./geometry/camera";
import type { Size } from "./geometry/crop";
import { listenToKeys } from "./keys";
import { keepForOffline } from "./offline";
import { chosenFov, enableSources, find, layout, notice, progress, speed } from "./page";
import { readHeader } from "./predict/photo";
import type { Frame } from "./predict/predictor";
import type { Models } from "./predict/runtime";
import { ImageView } from "./view/image";
import { Player } from "./view/player";
import { SceneView } from "./view/scene";
import { angleTable, jointTable } from "./view/tables";

const HEADER_BYTES = 4 << 20;
const MAX_LIVE_FRAMES = 18_000; // ten minutes of a webcam
const VIDEO_NAME = /\.(mp4|m4v|mov|webm|mkv|avi|ts)$/i;

const video = find<HTMLVideoElement>("video");
const client = new Client();
const image = new ImageView(find<HTMLCanvasElement>("image"));
const player = new Player(showFrame, showPlaying);
const scene = makeScene();

let models: Models & { version: string };
let ready = false;
let shown: Document | null = null;
let webcam: MediaStream | null = null;
let ticket = 0; // of the newest source; what comes late for an older one is dropped

/** For the console, and for the tests. */
Object.assign(window, { hourlift: { player, scene, poses: () => shown, isReady: () => ready } });
void start();

async function start(): Promise<void> {
  enableSources(false);
  try {
    await keepForOffline();
    const response = await fetch("models.json").catch(() => null);
    if (!response?.ok)
      throw new Error("the networks could not be loaded: the server has ended, and the page has not been kept yet");
    models = await response.json();
    // The worker lies in another folder.
    for (const model of [models.hourglass, models.lifter]) model.url = new URL(model.url, document.baseURI).href;
    await loadNetworks("auto");
    enableSources(true);
  } catch (error) {
    complain(error);
  }
}

async function loadNetworks(engine: "auto" | "webgpu" | "wasm"): Promise<void> {
  ready = false;
  const info = await client.ask({ kind: "load", models, engine }, (event) => {
    if (event.kind === "loading") progress(event.loaded / event.total, "Loading the networks");
  });
  progress(null);
  const threads = info.threads === 1 ? "1 thread" : `${info.threads} threads`;
  find("engine").dataset.name = info.engine === "webgpu" ? "WebGPU" : `WebAssembly, ${threads}`;
  speed("");
  ready = true;
}

// ---- sources ------------------------------------------------------------------------------------------------------

/** Take an image or a video; what is wrong with it is said in a sentence. */
async function open(file: File | Blob, name: string): Promise<void> {
  if (!ready) return;
  const mine = await begin();
  try {
    if (file.type.startsWith("video/") || VIDEO_NAME.test(name)) await openVideo(file, name, mine);
    else await openPhoto(file, name, mine);
  } catch (error) {
    if (mine === ticket) complain(error, name);
  } finally {
    if (mine === ticket) progress(null);
  }
}

async function openPhoto(file: Blob, name: string, mine: number): Promise<void> {
  const header = readHeader(new Uint8Array(await file.slice(0, HEADER_BYTES).arrayBuffer()));
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => {
    throw new Error("the image cannot be decoded; it is damaged, cut off or of an unusual kind");
  });
  const wh: Size = [bitmap.width, bitmap.height];
  const camera =
    chosenFov() === null && header.focal35mm !== null
      ? cameraFromFocal35mm(wh, header.focal35mm)
      : cameraFromFov(wh, chosenFov() ?? undefined);
  progress(-1, "Looking for a person");
  const copy = await createImageBitmap(bitmap);
  const { people, ms } = await client.ask({ kind: "photo", bitmap: copy, camera });
  if (mine !== ticket) return bitmap.close();
  layout(wh, true);
  image.show(bitmap, wh, people);
  const frames = [{ index: 0, time_s: 0, people }];
  show({ source: name, kind: "photo", image_wh: wh, fps: null, camera, frames }, null, 0);
  speed(`${ms.toFixed(0)} ms for the image`);
  player.seek(0);
}

async function openVideo(file: Blob, name: string, mine: number): Promise<void> {
  let header: { wh: Size; camera: Camera; startS: number; numFrames: number } | null = null;
  const frames: Frame[] = [];
  const result = await client.ask({ kind: "video", file, fovDeg: chosenFov() }, (event) => {
    if (mine !== ticket) return;
    if (event.kind === "video") {
      header = event;
      layout(event.wh, false);
      find("stop").hidden = false;
    }
    if (event.kind !== "frame" || header === null) return;
    frames.push(event.frame);
    if (event.preview === null) return;
    image.show(event.preview, header.wh, event.frame.people);
    scene?.show(frames, frames.length - 1);
    progress(frames.length / header.numFrames, `Frame ${frames.length} of ${header.numFrames}`);
  });
  if (mine !== ticket || header === null) return;
  const { wh, camera, startS } = header as { wh: Size; camera: Camera; startS: number };
  find("stop").hidden = true;
  video.src = URL.createObjectURL(file);
  const playable = await new Promise<boolean>((done) => {
    video.onloadeddata = () => done(true);
    video.onerror = () => done(false);
  });
  video.hidden = !playable;
  show({ source: name, kind: "video", image_wh: wh, fps: result.fps, camera, frames }, playable ? video : null, startS);
  image.show(null, wh, frames[0]?.people ?? []);
  const ms = result.ms / result.numFrames;
  speed(`${ms.toFixed(1)} ms a frame, ${(1000 / ms).toFixed(0)} frames/s`);
}

/** Follow the webcam until it is stopped; a frame is taken when the one before is done, the newest. */
async function openWebcam(): Promise<void> {
  if (!ready) return;
  const mine = await begin();
  try {
    if (navigator.mediaDevices === undefined) throw new Error("this browser gives no webcam to pages at this address");
    webcam = await navigator.mediaDevices
      .getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 720 } } })
      .catch((error: DOMException) => {
        throw new Error(
          error.name === "NotAllowedError"
            ? "the browser was not allowed to use the webcam"
            : "there is no webcam that can be used",
        );
      });
    if (mine !== ticket) return closeWebcam();
    video.srcObject = webcam;
    await video.play();
    find("webcam").setAttribute("aria-pressed", "true");
    await followWebcam(mine);
  } catch (error) {
    if (mine === ticket) complain(error, "webcam");
  } finally {
    closeWebcam();
  }
}

async function followWebcam(mine: number): Promise<void> {
  const frames: Frame[] = [],
    begun = performance.now();
  let camera: Camera | null = null,
    wh: Size = [1, 1],
    times: number[] = [];
  while (mine === ticket && webcam !== null) {
    await nextFrame();
    if (mine !== ticket || webcam === null || video.videoWidth === 0) continue;
    const timeS = (performance.now() - begun) / 1000;
    const bitmap = await createImageBitmap(video),
      copy = await createImageBitmap(bitmap);
    if (camera === null || wh[0] !== bitmap.width) {
      wh = [bitmap.width, bitmap.height];
      camera = cameraFromFov(wh, chosenFov() ?? undefined);
      layout(wh, true);
    }
    const { people, ms } = await client.ask({
      kind: "live",
      bitmap: copy,
      timeS,
      camera,
      restart: frames.length === 0,
    });
    if (mine !== ticket) return bitmap.close();
    frames.push({ index: frames.length, time_s: frames.length ? timeS : 0, people });
    if (frames.length > MAX_LIVE_FRAMES) frames.shift();
    image.show(bitmap, wh, people);
    player.frames = frames;
    player.show(frames.length - 1);
    times = [...times.filter((time) => time > timeS - 1), timeS];
    speed(`${ms.toFixed(0)} ms a frame, ${times.length} frames/s`);
  }
  if (mine !== ticket || camera === null) return;
  const fps = (frames.length - 1) / (frames.at(-1)!.time_s - frames[0]!.time_s) || null;
  show({ source: "webcam", kind: "video", image_wh: wh, fps, camera, frames }, null, 0);
  layout(wh, false);
}

/** Once the video shows another frame. */
const nextFrame = () =>
  new Promise<void>((done) => {
    const late = setTimeout(done, 250);
    video.requestVideoFrameCallback?.(() => (clearTimeout(late), done()));
  });

function closeWebcam(): void {
  for (const track of webcam?.getTracks() ?? []) track.stop();
  webcam = null;
  if (video.srcObject !== null) video.srcObject = null;
  find("webcam").setAttribute("aria-pressed", "false");
}

/** Leave whatever was there. */
async function begin(): Promise<number> {
  const mine = ++ticket;
  void client.ask({ kind: "stop" });
  closeWebcam();
  player.load([], null, 0);
  if (video.src) {
    URL.revokeObjectURL(video.src);
    video.removeAttribute("src");
  }
  shown = null;
  video.hidden = find("message").hidden = find("stop").hidden = true;
  find("player").hidden = find("downloads").hidden = true;
  document.body.classList.remove("empty");
  image.show(null, [1, 1], []);
  scene?.show([], 0);
  notice("");
  speed("");
  return mine;
}

// ---- what is shown ------------------------------------------------------------------------------------------------

function show(document_: Omit<Document, "generator">, element: HTMLVideoElement | null, startS: number): void {
  shown = { generator: `hourlift ${models.version}`, ...document_ };
  player.load(shown.frames, element, startS);
  find<HTMLInputElement>("scrubber").max = String(Math.max(shown.frames.length - 1, 0));
  find("downloads").hidden = false;
  find("player").hidden = shown.frames.length < 2;
  const origin = {
    given: "The field of view was given",
    exif: "The camera was read from the photo's EXIF",
    default: "The camera is unknown and was assumed",
  };
  find("camera").textContent =
    `${origin[shown.camera.source]}: ${fovDeg(shown.camera).toFixed(0)}° along the longer side.`;
}

function showFrame(index: number): void {
  const frame = player.frames[index]!;
  scene?.show(player.frames, index);
  if (webcam === null) image.showPeople(frame.people);
  const clock = (timeS: number) => `${Math.floor(timeS / 60)}:${(timeS % 60).toFixed(2).padStart(5, "0")}`;
  const scrubber = find<HTMLInputElement>("scrubber");
  scrubber.value = String(index);
  find<HTMLOutputElement>("clock").value =
    `${clock(frame.time_s)} / ${clock(player.lengthS)} · frame ${index + 1} of ${player.frames.length}`;
  scrubber.setAttribute("aria-valuetext", find<HTMLOutputElement>("clock").value);
  notice(frame.people.length ? "" : `No person found in this ${player.frames.length > 1 ? "frame" : "image"}`);
  fillTables();
}

function fillTables(): void {
  const people = player.frames[player.index]?.people ?? [];
  for (const [id, make] of [
    ["angles", angleTable],
    ["joints", jointTable],
  ] as const) {
    const details = find<HTMLDetailsElement>(id);
    if (details.open) details.querySelector(".tables")!.replaceChildren(...people.map(make));
  }
}

function showPlaying(playing: boolean): void {
  find("play-icon").setAttribute("d", playing ? "M6 4h4v16H6zM14 4h4v16h-4z" : "M7 4v16l13-8z");
  find("play").setAttribute("aria-label", playing ? "Pause" : "Play");
}

function complain(error: unknown, name = ""): void {
  const words = error instanceof Error ? error.message : String(error);
  find("message").textContent = [name, words].filter(Boolean).join(": ");
  find("message").hidden = false;
  find("stop").hidden = true;
  progress(null);
  document.body.classList.add("empty");
}

function makeScene(): SceneView | null {
  try {
    return new SceneView(find<HTMLCanvasElement>("view"));
  } catch {
    notice("The 3D view needs WebGL, which this browser does not give.");
    return null;
  }
}

// ---- hands on the page --------------------------------------------------------------------------------------------

const file = find<HTMLInputElement>("file");
find("open").addEventListener("click", () => file.click());
file.addEventListener("change", () => {
  const chosen = file.files?.[0];
  if (chosen !== undefined) void open(chosen, chosen.name);
  file.value = "";
});
find("example").addEventListener("click", async () => {
  const response = await fetch("example.mp4").catch(() => null);
  if (response?.ok) void open(await response.blob(), "example.mp4");
  else complain(new Error("the example is missing from this installation"));
});
find("webcam").addEventListener("click", () => (webcam === null ? void openWebcam() : closeWebcam()));
find("stop").addEventListener("click", () => void client.ask({ kind: "stop" }));
find("settings").addEventListener("change", async ({ target }) => {
  if ((target as HTMLElement).id !== "choice") return;
  await begin();
  document.body.classList.add("empty");
  enableSources(false);
  await loadNetworks((target as HTMLSelectElement).value as "auto").catch(complain);
  enableSources(true);
});
for (const id of ["angles", "joints"]) find(id).addEventListener("toggle", fillTables);
for (const button of document.querySelectorAll<HTMLButtonElement>("[data-view]"))
  button.addEventListener("click", () => scene?.look(button.dataset.view!));
for (const button of document.querySelectorAll<HTMLButtonElement>("[data-format]")) {
  button.addEventListener("click", () => {
    try {
      if (shown !== null) save(makeFile(shown, button.dataset.format as Format));
    } catch (error) {
      find("message").textContent = (error as Error).message;
      find("message").hidden = false;
    }
  });
}
find("spin").addEventListener("click", () => {
  const pressed = find("spin").getAttribute("aria-pressed") !== "true";
  find("spin").setAttribute("aria-pressed", String(pressed));
  scene?.spin(pressed);
});
find("play").addEventListener("click", () => player.setPlaying(!player.playing));
find("scrubber").addEventListener("input", () => {
  player.setPlaying(false);
  player.seek(Number(find<HTMLInputElement>("scrubber").value));
});
find("speed").addEventListener("change", () => {
  player.speed = Number(find<HTMLSelectElement>("speed").value);
  if (player.playing) player.setPlaying(true);
});

window.addEventListener("paste", (event) => {
  const pasted = [...(event.clipboardData?.files ?? [])][0];
  if (pasted !== undefined) void open(pasted, pasted.name || "pasted");
});
for (const kind of ["dragover", "dragleave", "drop"] as const) {
  window.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.toggle("dropping", kind === "dragover");
    const dropped = event.dataTransfer?.files[0];
    if (kind === "drop" && dropped !== undefined) void open(dropped, dropped.name);
  });
}
listenToKeys(player, scene, () => webcam !== null);
