"use strict";
// The 3D view: a small renderer on a 2D canvas, farthest limb first.
// World: millimetres, x right, y UP, z towards the camera that took the image: the world frame of the poses with its
// axes renamed, or where none is known the camera frame turned half around x. Angles in radians; yaw 0 and pitch 0 look
// as the camera did, if it was level.

const LENS = 0.3; // half the view's opening angle
const HOME = { yaw: -0.55, pitch: 0.22 };
const VIEWS = { camera: { yaw: 0, pitch: 0 }, side: { yaw: -Math.PI / 2, pitch: 0.05 }, top: { yaw: 0, pitch: 1.5 } };
const SOLE = 70; // an ankle's height over the ground
const LIMB_RADIUS = 27, HEAD_RADIUS = 92, GRID = 500, SLOT = 1300;

const css = ([r, g, b]) => `rgb(${Math.round(r)},${Math.round(g)},${Math.round(b)})`;
const mix = (a, b, t) => a.map((value, i) => value + (b[i] - value) * t);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const middle = (a, b) => a.map((value, i) => (value + b[i]) / 2);
const lowest = (points) => points.reduce((low, p) => (p ? Math.min(low, p[1]) : low), Infinity);

/** How to turn camera axes upright: rows of a rotation to x right, y up, z towards the camera, and the origin. */
function readWorld(world) {
  if (!world) return { rows: [[1, 0, 0], [0, -1, 0], [0, 0, -1]], origin: [0, 0, 0] };
  const [right, away, up] = world.rotation;
  return { rows: [right, up, away.map((value) => -value)], origin: world.origin_cam_mm };
}

/** One person of one frame, from the page's JSON: [id, 51 numbers or nulls, root or null, percents, degrees]. */
function readPerson([id, flat, root, confidence, angles], { rows, origin }) {
  const turn = (p) => (p.includes(null) ? null : rows.map((row) => row[0] * p[0] + row[1] * p[1] + row[2] * p[2]));
  const points = confidence.map((_, j) => turn(flat.slice(3 * j, 3 * j + 3)));
  return { id, points, root: root && turn(root.map((value, i) => value - origin[i])), confidence, flat, angles };
}

/** Give each id the first free place in a row for the frames between its first and last appearance. */
function assignSlots(frames) {
  const span = new Map();
  frames.forEach((people, f) => people.forEach(({ id }) => span.set(id, [span.has(id) ? span.get(id)[0] : f, f])));
  const busyUntil = [], slots = new Map();
  for (const [id, [first, last]] of [...span].sort((a, b) => a[1][0] - b[1][0] || a[0] - b[0])) {
    let slot = busyUntil.findIndex((end) => end < first);
    if (slot < 0) slot = busyUntil.length;
    busyUntil[slot] = last;
    slots.set(id, slot);
  }
  return { slots, count: busyUntil.length };
}

class Scene {
  constructor(canvas, model) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.model = model;
    this.upright = readWorld(model.world);
    this.frames = model.frames.map((people) => people.map((person) => readPerson(person, this.upright)));
    const everyone = this.frames.flat();
    const { slots, count } = assignSlots(this.frames);
    this.slots = slots;
    this.row = count;
    this.hasPlaces = everyone.length > 0 && everyone.filter((person) => person.root).length >= 0.9 * everyone.length;
    this.placed = count > 1 && this.hasPlaces;
    this.frame = 0;
    this.view = { ...HOME, zoom: 1, pan: [0, 0] };
    this.spinning = false;
    this.margin = { left: 0, top: 0 }; // pixels of the canvas that something else covers
    this.settleGround();
    this.fit();
    new ResizeObserver(() => this.request()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.request());
    this.listen();
  }

  // ---- where people stand -------------------------------------------------------------------------------------

  /** Each person's lift onto the ground; averaged over five frames so that a wrong ankle does not shake the body. */
  settleGround() {
    const lows = this.frames.map((people) => new Map(people.map((person) => [person.id, lowest(person.points)])));
    this.frames.forEach((people, f) => people.forEach((person) => {
      const near = lows.slice(Math.max(f - 2, 0), f + 3).map((low) => low.get(person.id)).filter(Number.isFinite);
      person.lift = near.length ? SOLE - near.reduce((sum, low) => sum + low, 0) / near.length : 0;
    }));
    const feet = this.frames.flat().filter((p) => p.root).map((p) => lowest(p.points) + p.root[1]).filter(Number.isFinite);
    feet.sort((a, b) => a - b);
    this.ground = this.model.world ? 0 : feet.length ? feet[Math.floor(0.1 * (feet.length - 1))] - SOLE : 0;
  }

  /** The person's joints in the world, the ground at y = 0; none if the place that is to be shown is unknown. */
  stand(person) {
    if (this.placed && !person.root) return person.points.map(() => null);
    const slot = this.slots.get(person.id) - (this.row - 1) / 2;
    const origin = this.placed
      ? [person.root[0], person.root[1] - this.ground, person.root[2]]
      : [slot * SLOT, person.lift, 0];
    return person.points.map((p) => p && p.map((value, i) => value + origin[i]));
  }

  /** Choose target and distance so that every frame is in the view. */
  fit() {
    const step = Math.ceil(this.frames.length / 300) || 1;
    const points = this.frames.filter((_, f) => f % step === 0).flat().flatMap((p) => this.stand(p)).filter(Boolean);
    const range = (values) => {
      values.sort((a, b) => a - b);
      return [0.002, 0.998].map((share) => values[Math.round(share * (values.length - 1))] ?? 0);
    };
    const [x, y, z] = [0, 1, 2].map((i) => range(points.map((p) => p[i])));
    const top = points.length ? y[1] + HEAD_RADIUS : 1800, ground = Math.min(y[0], 0);
    const [cx, cz] = this.placed ? [(x[0] + x[1]) / 2, (z[0] + z[1]) / 2] : [0, 0];
    this.target = [cx, (top + ground) / 2, cz];
    const across = range(points.map((p) => Math.hypot(p[0] - cx, p[2] - cz)))[1];
    this.reach = { across: Math.max(across, 500), up: (top - ground) / 2 };
  }

  // ---- the view -----------------------------------------------------------------------------------------------

  setFrame(index) { this.frame = index; this.request(); }
  setPlaced(placed) { this.placed = placed && this.hasPlaces; this.fit(); this.request(); }

  /** Turn to a named view; the change is shown as a short movement unless the reader asked for less motion. */
  look(name) {
    const to = { ...(VIEWS[name] ?? HOME), zoom: 1, pan: [0, 0] };
    const from = { ...this.view, yaw: Math.atan2(Math.sin(this.view.yaw), Math.cos(this.view.yaw)) };
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.move = { from, to, start: performance.now(), length: still ? 0 : 260 };
    this.request();
  }

  turn(yaw, pitch) {
    this.move = null;
    this.view.yaw += yaw;
    this.view.pitch = clamp(this.view.pitch + pitch, -0.6, 1.5);
    this.request();
  }

  zoom(factor) { this.move = null; this.view.zoom = clamp(this.view.zoom * factor, 0.3, 8); this.request(); }

  pan(dx, dy) {
    this.move = null;
    this.view.pan = [this.view.pan[0] + dx, this.view.pan[1] + dy];
    this.request();
  }

  spin(on) { this.spinning = on; this.request(); }

  request() { this.waiting ??= requestAnimationFrame((now) => { this.waiting = null; this.tick(now); }); }

  tick(now) {
    if (this.move) {
      const { from, to, start, length } = this.move;
      const t = length ? clamp((now - start) / length, 0, 1) : 1, ease = t * t * (3 - 2 * t);
      const between = (a, b) => a + (b - a) * ease;
      for (const key of ["yaw", "pitch", "zoom"]) this.view[key] = between(from[key], to[key]);
      this.view.pan = from.pan.map((value, i) => between(value, to.pan[i]));
      if (t === 1) this.move = null;
    }
    if (this.spinning) this.view.yaw += 0.5 * clamp((now - (this.last ?? now)) / 1000, 0, 0.1);
    this.last = now;
    this.draw();
    if (this.move || this.spinning) this.request();
  }

  listen() {
    const fingers = new Map(), canvas = this.canvas;
    const spread = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a.x - b.x, a.y - b.y); };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    canvas.addEventListener("pointermove", (event) => {
      const finger = fingers.get(event.pointerId);
      if (!finger) return;
      const dx = event.clientX - finger.x, dy = event.clientY - finger.y, before = fingers.size === 2 ? spread() : 0;
      Object.assign(finger, { x: event.clientX, y: event.clientY });
      if (fingers.size === 2) {
        this.zoom(spread() / Math.max(before, 1));
        this.pan(dx / 2, dy / 2);
      } else if (event.buttons & 2 || event.shiftKey) this.pan(dx, dy);
      else this.turn(dx * 0.009, dy * 0.009);
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (e) => fingers.delete(e.pointerId));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("dblclick", () => this.look("reset"));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-clamp(event.deltaY * (event.deltaMode ? 20 : 1), -200, 200) * 0.0016));
    }, { passive: false });
  }

  // ---- drawing ------------------------------------------------------------------------------------------------

  /** World point to {x, y, scale, depth}: canvas pixels, pixels per millimetre there, millimetres from the eye. */
  project([x, y, z]) {
    const { sinYaw, cosYaw, sinPitch, cosPitch, focal, distance, centre } = this.lens;
    const dx = x - this.target[0], dy = y - this.target[1], dz = z - this.target[2];
    const right = dx * cosYaw + dz * sinYaw, back = dz * cosYaw - dx * sinYaw;
    const up = dy * cosPitch - back * sinPitch;
    const depth = Math.max(distance - dy * sinPitch - back * cosPitch, 1);
    const scale = focal / depth;
    return { x: centre[0] + right * scale, y: centre[1] - up * scale, scale, depth };
  }

  prepare() {
    const ratio = window.devicePixelRatio || 1, box = this.canvas.getBoundingClientRect();
    const [width, height] = [box.width, box.height].map((size) => Math.max(Math.round(size * ratio), 1));
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, box.width, box.height);
    this.context.lineCap = this.context.lineJoin = "round";
    const { yaw, pitch, zoom, pan } = this.view;
    this.size = [box.width, box.height];
    this.lens = {
      sinYaw: Math.sin(yaw), cosYaw: Math.cos(yaw), sinPitch: Math.sin(pitch), cosPitch: Math.cos(pitch),
      focal: box.height / 2 / Math.tan(LENS),
      distance: this.distance(box) / zoom,
      centre: [(box.width + this.margin.left) / 2 + pan[0], (box.height + this.margin.top) / 2 + 8 + pan[1]],
    };
    const style = getComputedStyle(document.documentElement);
    const hex = (name) => style.getPropertyValue(name).trim().match(/[0-9a-f]{2}/gi).map((pair) => parseInt(pair, 16));
    this.paint = { panel: hex("--panel"), grid: hex("--grid"), quiet: hex("--quiet"), rim: hex("--rim"), ink: hex("--ink"), shadow: hex("--shadow") };
  }

  /** How far the eye must stand to see everything, whichever way the scene is turned, below the row of buttons. */
  distance({ width, height }) {
    const { across, up } = this.reach, free = Math.max(height - 90 - this.margin.top, 60) / height;
    const tall = (up + 0.15 * across) / free, wide = (across * height) / Math.max(width - this.margin.left, 60);
    return 0.6 * across + Math.max(tall, wide) / Math.tan(LENS);
  }

  draw() {
    this.prepare();
    const people = (this.frames[this.frame] ?? []).map((person) => ({ ...person, world: this.stand(person) }));
    this.drawFloor();
    people.forEach((person) => this.drawShadow(person));
    const parts = people.flatMap((person) => this.partsOf(person)).sort((a, b) => b.depth - a.depth);
    parts.forEach((part) => part.draw());
    if (this.slots.size > 1) people.forEach((person) => this.drawName(person));
    this.drawAxes();
  }

  drawFloor() {
    const cells = Math.max(Math.ceil((this.reach.across + this.reach.up) / GRID) + 2, 5), pen = this.context;
    const [cx, cz] = [this.target[0], this.target[2]].map((value) => Math.round(value / GRID) * GRID);
    for (let i = -cells; i <= cells; i++) {
      for (let j = -cells; j < cells; j++) {
        const alpha = 0.85 * (1 - Math.hypot(i, j + 0.5) / cells);
        if (alpha <= 0) continue;
        pen.strokeStyle = css(mix(this.paint.panel, this.paint.grid, alpha));
        pen.lineWidth = 1;
        for (const [a, b] of [[[i, j], [i, j + 1]], [[j, i], [j + 1, i]]]) {
          this.line(this.project([cx + a[0] * GRID, 0, cz + a[1] * GRID]), this.project([cx + b[0] * GRID, 0, cz + b[1] * GRID]));
        }
      }
    }
  }

  drawShadow({ world }) {
    const pen = this.context;
    pen.beginPath();
    let width = 0;
    this.model.parents.forEach((parent, child) => {
      if (parent < 0 || !world[parent] || !world[child]) return;
      const [a, b] = [parent, child].map((j) => this.project([world[j][0], 0, world[j][2]]));
      pen.moveTo(a.x, a.y);
      pen.lineTo(b.x, b.y);
      width = Math.max(2 * LIMB_RADIUS * a.scale, width);
    });
    pen.globalAlpha = 0.16;
    pen.strokeStyle = css(this.paint.shadow);
    pen.lineWidth = width;
    pen.stroke();
    pen.globalAlpha = 1;
  }

  /** A person's limbs and head as things to draw, each with its depth. */
  partsOf({ world, confidence }) {
    const { parents, sides, colours, joints } = this.model, parts = [];
    const screen = world.map((p) => p && this.project(p));
    parents.forEach((parent, child) => {
      const [a, b] = [screen[parent], screen[child]];
      if (!a || !b || joints[child] === "head") return;
      const strength = this.strength(Math.min(confidence[parent] ?? 0, confidence[child] ?? 0));
      const depth = (a.depth + b.depth) / 2;
      parts.push({ depth, draw: () => this.limb(a, b, colours[sides[child]], strength) });
    });
    const [head, nose] = ["head", "nose"].map((name) => joints.indexOf(name));
    if (world[head] && world[nose]) {
      const centre = this.project(middle(world[head], world[nose]));
      const strength = this.strength(Math.min(confidence[head] ?? 0, confidence[nose] ?? 0));
      parts.push({ depth: centre.depth, draw: () => this.ball(centre, HEAD_RADIUS, colours.centre, strength) });
    }
    return parts;
  }

  /** Weight of a confidence in percent: pale to full, the rule of the overlay but never quite nothing. */
  strength(percent) {
    const [low, full] = this.model.confidence;
    return 0.25 + 0.75 * clamp((percent / 100 - low) / (full - low), 0, 1);
  }

  line(a, b) {
    this.context.beginPath();
    this.context.moveTo(a.x, a.y);
    this.context.lineTo(b.x, b.y);
    this.context.stroke();
  }

  limb(a, b, colour, strength) {
    const pen = this.context, width = Math.max(LIMB_RADIUS * (0.5 + 0.5 * strength) * (a.scale + b.scale), 2);
    const rim = clamp(width * 0.14, 0.8, 2);
    const shade = (rgb) => css(mix(this.paint.panel, rgb, strength));
    pen.lineWidth = width + 2 * rim;
    pen.strokeStyle = shade(this.paint.rim);
    this.line(a, b);
    pen.lineWidth = width;
    pen.strokeStyle = shade(colour);
    this.line(a, b);
    const shift = width * 0.17; // light from the upper left makes the limb round
    pen.lineWidth = width * 0.28;
    pen.strokeStyle = shade(mix(colour, [255, 255, 255], 0.45));
    this.line({ x: a.x - shift, y: a.y - shift }, { x: b.x - shift, y: b.y - shift });
  }

  ball(at, radius, colour, strength) {
    const pen = this.context, size = Math.max(radius * at.scale, 3), shade = (rgb) => css(mix(this.paint.panel, rgb, strength));
    const glow = pen.createRadialGradient(at.x - size * 0.35, at.y - size * 0.4, size * 0.1, at.x, at.y, size);
    glow.addColorStop(0, shade(mix(colour, [255, 255, 255], 0.6)));
    glow.addColorStop(1, shade(mix(colour, this.paint.rim, 0.28)));
    pen.beginPath();
    pen.arc(at.x, at.y, size, 0, 2 * Math.PI);
    pen.fillStyle = glow;
    pen.fill();
    pen.lineWidth = clamp(size * 0.08, 0.8, 2);
    pen.strokeStyle = shade(this.paint.rim);
    pen.stroke();
  }

  drawName({ id, world }) {
    const top = world.filter(Boolean).reduce((high, p) => (p[1] > high[1] ? p : high), [0, -Infinity, 0]);
    if (!Number.isFinite(top[1])) return;
    const at = this.project([top[0], top[1] + 170, top[2]]);
    this.text(`Person ${id}`, at.x, at.y, this.paint.ink, "center");
  }

  /** The camera's axes, turned with the view, in the lower left corner. */
  drawAxes() {
    const { sinYaw, cosYaw, sinPitch, cosPitch } = this.lens, [width, height] = this.size;
    const [x0, y0] = [44, height - (width < 440 ? 72 : 46)]; // above the legend where there is no room beside it
    const axes = Object.fromEntries(["x", "y", "z"].map((name, i) => [name, this.upright.rows.map((row) => row[i])]));
    for (const [name, [x, y, z]] of Object.entries(axes)) {
      const back = z * cosYaw - x * sinYaw;
      const tip = { x: x0 + 25 * (x * cosYaw + z * sinYaw), y: y0 - 25 * (y * cosPitch - back * sinPitch) };
      this.context.lineWidth = 2;
      this.context.strokeStyle = css(this.paint.quiet);
      this.line({ x: x0, y: y0 }, tip);
      if (Math.hypot(tip.x - x0, tip.y - y0) > 7) this.text(name, x0 + (tip.x - x0) * 1.42, y0 + (tip.y - y0) * 1.42, this.paint.quiet, "center");
    }
  }

  text(words, x, y, colour, align) {
    const pen = this.context;
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = align;
    pen.textBaseline = "middle";
    pen.lineWidth = 3;
    pen.strokeStyle = css(this.paint.panel);
    pen.strokeText(words, x, y);
    pen.fillStyle = css(colour);
    pen.fillText(words, x, y);
  }
}
