"use strict";
// Playback: which frame is shown, in step with the video if there is one.

const find = (id) => document.getElementById(id);
const model = JSON.parse(find("poses").textContent);
const scene = new Scene(find("view"), model);
const { times, step } = model; // milliseconds from the first frame; length of a frame
const video = document.querySelector("video");
const player = { frame: -1, playing: false, position: 0, follows: null };

/** Index of the last frame that starts at or before a time in milliseconds. */
function frameAt(time) {
  let low = 0, high = times.length - 1;
  while (low < high) {
    const half = (low + high + 1) >> 1;
    if (times[half] <= time) low = half; else high = half - 1;
  }
  return low;
}

const seconds = (time) => `${Math.floor(Math.round(time / 10) / 6000)}:${((Math.round(time / 10) % 6000) / 100).toFixed(2).padStart(5, "0")}`;

/** Show a frame in the 3D view and everything that names it. */
function show(frame) {
  if (frame === player.frame) return;
  player.frame = frame;
  scene.setFrame(frame);
  find("scrubber").value = frame;
  const clock = `${seconds(times[frame] ?? 0)} / ${seconds((times.at(-1) ?? 0) + step)}`;
  find("clock").value = `${clock} · frame ${frame + 1} of ${times.length}`;
  find("scrubber").setAttribute("aria-valuetext", find("clock").value);
  notice();
  if (find("numbers").open) fillTables();
  if (!find("angles").hidden) fillAngles();
}

/** Say why somebody, or nobody, is in the 3D view. */
function notice() {
  const people = scene.frames[player.frame], lost = people.filter((person) => scene.placed && !person.root);
  const words = people.length === 0 ? `No person found in this ${times.length > 1 ? "frame" : "image"}`
    : lost.map((person) => `The place of person ${person.id} is unknown here`).join(". ");
  find("notice").textContent = words;
  find("notice").hidden = !words;
}

/** Go to a frame, the video too. Half a frame in, so that rounding cannot land on the frame before. */
function seek(frame) {
  frame = clamp(Math.round(frame), 0, times.length - 1);
  player.position = times[frame];
  if (player.follows) {
    const next = times[frame + 1] ?? times[frame] + step;
    player.follows.currentTime = (times[frame] + next) / 2000;
  }
  show(frame);
}

function setPlaying(playing) {
  player.playing = playing;
  find("play-icon").setAttribute("d", playing ? "M6 4h4v16H6zM14 4h4v16h-4z" : "M7 4v16l13-8z");
  find("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  player.last = performance.now();
  if (player.follows) {
    if (playing) player.follows.play().catch(() => setPlaying(false));
    else player.follows.pause();
  }
  if (playing) requestAnimationFrame(run);
}

/** One step of playing: by the video's clock, or by our own. */
function run(now) {
  if (!player.playing) return;
  if (!player.follows) {
    const length = times.at(-1) + step;
    player.position = (player.position + (now - player.last) * Number(find("speed").value)) % length;
    show(frameAt(player.position));
  } else if (!player.follows.requestVideoFrameCallback) show(frameAt(player.follows.currentTime * 1000));
  player.last = now;
  requestAnimationFrame(run);
}

/** The browser has just put a frame on screen: show the frame nearest to it. While paused, `seek` knows better. */
function onVideoFrame(_, { mediaTime }) {
  const time = mediaTime * 1000, frame = frameAt(time), later = times[frame + 1] - time < time - times[frame];
  if (player.playing) show(frame + (later ? 1 : 0));
  video.requestVideoFrameCallback(onVideoFrame);
}

/** Hand the embedded video to the video element; a blob can be sought in every browser, a data URI cannot. */
function loadVideo() {
  const data = find("video-data");
  const bytes = Uint8Array.from(atob(data.textContent.trim()), (letter) => letter.charCodeAt(0));
  video.src = URL.createObjectURL(new Blob([bytes], { type: data.dataset.type }));
  data.remove();
  player.follows = video;
  video.addEventListener("error", () => {
    player.follows = null;
    video.hidden = true;
    find("unplayable").hidden = false;
  });
  video.addEventListener("pause", () => { if (player.playing) setPlaying(false); }); // by a media key, say
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(onVideoFrame);
}

/** The joints of this frame as numbers, one table per person: the 3D view for those who cannot see it. */
function fillTables() {
  const make = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
  const row = (tag, cells) => {
    const line = document.createElement("tr");
    line.append(...cells.map((cell, i) => make(i ? tag : "th", cell)));
    return line;
  };
  const number = (value) => (value === null || value === undefined ? "–" : String(value).replace("-", "−"));
  find("tables").replaceChildren(...(scene.frames[player.frame] ?? []).map(({ id, flat, confidence }) => {
    const table = document.createElement("table");
    table.append(make("caption", `Person ${id}`), document.createElement("thead"), document.createElement("tbody"));
    table.tHead.append(row("th", ["Joint", "x", "y", "z", "confidence"]));
    table.tBodies[0].append(...model.joints.map((joint, j) => row("td", [
      joint, ...[0, 1, 2].map((i) => number(flat[3 * j + i])), confidence[j] === null ? "–" : `${confidence[j]} %`,
    ])));
    return table;
  }));
}

/** Rows for the angles, and a choice of whose they are where there are several people. */
function makeAngles() {
  const body = find("angles").querySelector("tbody");
  for (const [title, sign, sided] of model.angles) {
    const row = body.insertRow(), head = document.createElement("th");
    Object.assign(head, { textContent: title, title: sign });
    row.append(head);
    row.insertCell();
    if (sided) row.insertCell(); else row.cells[1].colSpan = 2;
  }
  const ids = [...scene.slots.keys()].sort((a, b) => a - b);
  find("whom").replaceChildren(...ids.map((id) => new Option(id, id)));
  find("whom-label").hidden = ids.length < 2;
}

/** The chosen person's angles in this frame, in whole degrees. */
function fillAngles() {
  const person = scene.frames[player.frame].find(({ id }) => String(id) === find("whom").value);
  find("angles").querySelectorAll("td").forEach((cell, i) => {
    const value = person?.angles[i] ?? null;
    cell.textContent = value === null ? "–" : String(value).replace("-", "−");
  });
}

/** Show or hide the angles, and let the scene stand beside them, on a narrow screen below them. */
function showAngles(shown) {
  find("angles").hidden = !shown;
  document.body.classList.toggle("angles", shown);
  if (shown) fillAngles();
  makeRoom();
}

function makeRoom() {
  const { width, height } = find("angles").getBoundingClientRect(), stage = find("stage").clientWidth;
  const beside = width < 0.5 * stage;
  scene.margin = { left: beside ? width : 0, top: beside ? 0 : height };
  scene.request();
}

function toggle(id, act) {
  const button = find(id), pressed = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(pressed));
  act(pressed);
}

/** Keys of the whole page; a focused control keeps its own. */
function onKey(event) {
  const { key, target, shiftKey } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || /^(SELECT|SUMMARY)$/.test(target.tagName)) return;
  const still = times.length < 2, frames = (count) => { setPlaying(false); seek(player.frame + count); };
  const turns = { ArrowLeft: [-0.12, 0], ArrowRight: [0.12, 0], ArrowUp: [0, 0.08], ArrowDown: [0, -0.08] };
  const keys = {
    "+": () => scene.zoom(1.15), "=": () => scene.zoom(1.15), "-": () => scene.zoom(1 / 1.15),
    r: () => scene.look("reset"), 1: () => scene.look("camera"), 2: () => scene.look("side"), 3: () => scene.look("top"),
    t: () => find("spin").click(), a: () => find("readout").click(), p: () => find("place").hidden || find("place").click(),
  };
  if (!still) Object.assign(keys, {
    " ": () => setPlaying(!player.playing), ArrowLeft: () => frames(-1), ArrowRight: () => frames(1),
    Home: () => frames(-Infinity), End: () => frames(Infinity),
  });
  if ((shiftKey || (still && target === find("view"))) && turns[key]) keys[key] = () => scene.turn(...turns[key]);
  const act = keys[key.length > 1 ? key : key.toLowerCase()];
  if (!act || (key === " " && target.tagName === "BUTTON")) return;
  event.preventDefault();
  act();
}

find("scrubber").max = Math.max(times.length - 1, 0);
find("scrubber").addEventListener("input", (event) => { setPlaying(false); seek(Number(event.target.value)); });
find("play").addEventListener("click", () => setPlaying(!player.playing));
find("speed").addEventListener("change", () => { if (player.follows) player.follows.playbackRate = Number(find("speed").value); });
find("numbers").addEventListener("toggle", () => { if (find("numbers").open) fillTables(); });
find("spin").addEventListener("click", () => toggle("spin", (on) => scene.spin(on)));
find("place").addEventListener("click", () => toggle("place", (on) => { scene.setPlaced(on); notice(); }));
find("readout").addEventListener("click", () => toggle("readout", showAngles));
find("whom").addEventListener("change", fillAngles);
new ResizeObserver(makeRoom).observe(find("stage"));
find("place").hidden = !scene.hasPlaces;
find("place").setAttribute("aria-pressed", String(scene.placed));
document.querySelectorAll("[data-view]").forEach((button) => button.addEventListener("click", () => scene.look(button.dataset.view)));
document.addEventListener("keydown", onKey);
if (video) loadVideo();
makeAngles();
seek(0);
if (find("stage").clientWidth > 480) find("readout").click();
