// glTF 2.0, binary, as hourlift.formats.gltf writes it: y up, metres, a skin of simple bones, the motion as animation.
import type { Matrix } from "../geometry/camera";
import type { Point } from "../geometry/crop";
import { sideOf } from "../geometry/skeleton";
import { COLOURS } from "../view/style";
import { tracks, type Document } from "./document";
import { plus, RIG, restJoints, rigMotion, scaled, type RigMotion } from "./rig";

const THICKNESS = 0.09,
  THIN_M = 0.018,
  THICK_M = 0.035; // of a bone's length, within these metres
const WAIST = 0.2; // of a bone's length, from its joint: where it is thickest
const VERTICES = 34962,
  INDICES = 34963;
const TYPES: Record<number, string> = { 1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4" };
// Corners of an octahedron: the joint, four around the waist, the tip. Faces turn left as seen from outside.
const FACES = [0, 2, 1, 5, 1, 2, 0, 3, 2, 5, 2, 3, 0, 4, 3, 5, 3, 4, 0, 1, 4, 5, 4, 1];

type Node = { name: string; children?: number[] } & Record<string, unknown>;

/** @throws Error when a person lacks a joint in all frames. */
export function toGlb(document: Document): Uint8Array<ArrayBuffer> {
  const scene = new Scene(document.frames.map((frame) => frame.time_s - document.frames[0]!.time_s));
  for (const [id, track] of tracks(document)) scene.addPerson(`person ${id}`, rigMotion(track));
  return scene.toBytes(document.generator);
}

/** A glTF document as it grows; the names are the specification's. */
class Scene {
  private readonly chunks: Uint8Array[] = [];
  private length = 0;
  private readonly roots: number[] = [];
  private readonly nodes: Node[] = [];
  private readonly meshes: object[] = [];
  private readonly skins: object[] = [];
  private readonly accessors: object[] = [];
  private readonly views: object[] = [];
  private readonly channels: object[] = [];
  private readonly samplers: object[] = [];
  private readonly times: number | null;

  constructor(times: number[]) {
    this.times = times.length > 1 ? this.accessor(new Float32Array(times), 1, { bounds: true }) : null;
  }

  addPerson(name: string, motion: RigMotion): void {
    const first = Math.max(motion.present.indexOf(true), 0);
    const rest = restJoints(motion),
      lowest = Math.min(...rest.map((p) => p[1]!));
    const place = rest.map(([x, y, z]) => [x!, y! - lowest, z!]); // at rest the person stands on the origin
    const person = this.node(name);
    this.roots.push(person);
    const joints: number[] = [];
    RIG.forEach((joint, i) => {
      const turns = quaternions(motion.rotations[i]!);
      const node = this.node(joint.name, {
        translation: i ? motion.offsets[i] : motion.root[first],
        rotation: turns[first],
      });
      const above = this.nodes[i ? joints[joint.parent]! : person]!;
      (above.children ??= []).push(node);
      joints.push(node);
      if (joint.aimsAt || RIG.some(({ parent }) => parent === i)) this.animate(node, "rotation", turns);
    });
    const head = RIG.findIndex((joint) => joint.name === "Head");
    joints.push(this.node("HeadTop_End", { translation: motion.tips[head] }));
    this.nodes[joints[head]!]!.children = joints.slice(-1);
    this.animate(joints[0]!, "translation", motion.root);
    if (motion.present.includes(false))
      this.animate(
        person,
        "scale",
        motion.present.map((here) => Array(3).fill(here ? 1 : 0)),
        "STEP",
      );
    this.roots.push(this.node(`${name} mesh`, { mesh: this.mesh(motion, place), skin: this.skins.length }));
    const ends = [...place, plus(place[head]!, motion.tips[head]!)];
    const bind = ends.flatMap(([x, y, z]) => [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, -x!, -y!, -z!, 1]); // by columns
    this.skins.push({ joints, skeleton: joints[0], inverseBindMatrices: this.accessor(new Float32Array(bind), 16) });
  }

  toBytes(generator: string): Uint8Array<ArrayBuffer> {
    const materials = Object.entries(COLOURS).map(([name, rgb]) => ({
      name,
      pbrMetallicRoughness: { baseColorFactor: linear(rgb), metallicFactor: 0 },
    }));
    const content = {
      asset: { version: "2.0", generator },
      scene: 0,
      scenes: [{ nodes: this.roots }],
      nodes: this.nodes,
      meshes: this.meshes,
      materials,
      skins: this.skins,
      accessors: this.accessors,
      bufferViews: this.views,
      buffers: [{ byteLength: this.length }],
      ...(this.channels.length
        ? { animations: [{ name: "motion", channels: this.channels, samplers: this.samplers }] }
        : {}),
    };
    const text = new TextEncoder().encode(JSON.stringify(content));
    const textLength = text.length + (-text.length & 3);
    const file = new Uint8Array(12 + 8 + textLength + 8 + this.length);
    const view = new DataView(file.buffer);
    const header = [0x46546c67, 2, file.length, textLength, 0x4e4f534a];
    header.forEach((value, i) => view.setUint32(4 * i, value, true));
    file.fill(32, 20, 20 + textLength).set(text, 20);
    view.setUint32(20 + textLength, this.length, true);
    view.setUint32(24 + textLength, 0x004e4942, true);
    let at = 28 + textLength;
    for (const chunk of this.chunks) {
      file.set(chunk, at);
      at += chunk.length;
    }
    return file;
  }

  private node(name: string, fields: Record<string, unknown> = {}): number {
    return this.nodes.push({ name, ...fields }) - 1;
  }

  /** Append values to the binary part; every accessor has a view of its own. */
  private accessor(
    values: Float32Array | Uint8Array | Uint16Array,
    width: number,
    options: { target?: number; bounds?: boolean; normalized?: boolean } = {},
  ): number {
    const bytes = new Uint8Array(values.byteLength + (-values.byteLength & 3));
    bytes.set(new Uint8Array(values.buffer));
    const target = options.target === undefined ? {} : { target: options.target };
    this.views.push({ buffer: 0, byteOffset: this.length, byteLength: values.byteLength, ...target });
    this.chunks.push(bytes);
    this.length += bytes.length;
    const componentType = values instanceof Float32Array ? 5126 : values instanceof Uint16Array ? 5123 : 5121;
    const column = (c: number) => [...values].filter((_, i) => i % width === c);
    const all = [...Array(width).keys()];
    const bounds = options.bounds
      ? { min: all.map((c) => Math.min(...column(c))), max: all.map((c) => Math.max(...column(c))) }
      : {};
    const normalized = options.normalized ? { normalized: true } : {};
    return (
      this.accessors.push({
        bufferView: this.views.length - 1,
        componentType,
        count: values.length / width,
        type: TYPES[width],
        ...bounds,
        ...normalized,
      }) - 1
    );
  }

  /** Let a property of a node follow values; a single image has no animation. */
  private animate(node: number, path: string, values: Point[], interpolation = "LINEAR"): void {
    if (this.times === null) return;
    const output = this.accessor(new Float32Array(values.flat()), values[0]!.length);
    const sampler = this.samplers.push({ input: this.times, output, interpolation }) - 1;
    this.channels.push({ sampler, target: { node, path } });
  }

  /** A body of octahedra, one a bone, each moved by the bone's joint alone; a primitive a side. */
  private mesh(motion: RigMotion, place: Point[]): number {
    const bones = RIG.map((_, i) => i).filter((i) => RIG[i]!.aimsAt && Math.hypot(...motion.tips[i]!) > 0);
    const corners = bones.flatMap((i) => octahedron(motion.tips[i]!).map((corner) => plus(corner, place[i]!)));
    const owners = bones.flatMap((i) => Array<number>(6).fill(i));
    const attributes = {
      POSITION: this.accessor(new Float32Array(corners.flat()), 3, { target: VERTICES, bounds: true }),
      JOINTS_0: this.accessor(new Uint8Array(owners.flatMap((owner) => [owner, 0, 0, 0])), 4, { target: VERTICES }),
      WEIGHTS_0: this.accessor(new Uint8Array(owners.flatMap(() => [255, 0, 0, 0])), 4, {
        target: VERTICES,
        normalized: true,
      }),
    };
    const primitives = Object.keys(COLOURS).flatMap((side, material) => {
      const mine = bones.flatMap((i, n) => (sideOf(RIG[i]!.aimsAt) === side ? [n] : []));
      const faces = mine.flatMap((n) => FACES.map((corner) => 6 * n + corner));
      return mine.length
        ? [{ attributes, indices: this.accessor(new Uint16Array(faces), 1, { target: INDICES }), material }]
        : [];
    });
    return this.meshes.push({ name: "bones", primitives }) - 1;
  }
}

/** The corners of a bone from the origin to `tip`, which lies along an axis. */
function octahedron(tip: Point): Point[] {
  const length = Math.hypot(...tip),
    along = scaled(tip, 1 / length);
  const [a, b, c] = along as [number, number, number];
  const aside: Point = [c, a, b];
  const across = [b * aside[2]! - c * aside[1]!, c * aside[0]! - a * aside[2]!, a * aside[1]! - b * aside[0]!];
  const thick = Math.min(Math.max(THICKNESS * length, THIN_M), THICK_M);
  const waist = [aside, across, scaled(aside, -1), scaled(across, -1)].map((way) =>
    plus(scaled(tip, WAIST), scaled(way, thick)),
  );
  return [[0, 0, 0], ...waist, tip];
}

/** Unit quaternions x y z w, read from the largest column of q q^T; neighbours lie on the same side of the sphere. */
function quaternions(rotations: Matrix[]): Point[] {
  let last: Point | null = null;
  return rotations.map(([[a, b, c], [d, e, f], [g, h, i]]: any) => {
    const outer = [
      [1 + a - e - i, b + d, c + g, h - f],
      [b + d, 1 - a + e - i, f + h, c - g],
      [c + g, f + h, 1 - a - e + i, d - b],
      [h - f, c - g, d - b, 1 + a + e + i],
    ];
    const diagonal = outer.map((row, n) => row[n]!);
    const column = outer[diagonal.indexOf(Math.max(...diagonal))]!; // symmetric: a row is a column
    const unit = scaled(column, 1 / Math.hypot(...column));
    const turned: boolean = last !== null && unit.reduce((sum, value, n) => sum + value * last![n]!, 0) < 0;
    return (last = turned ? scaled(unit, -1) : unit);
  });
}

/** An sRGB colour of 0..255 as glTF's linear RGBA (IEC 61966-2-1). */
const linear = (rgb: number[]): number[] => [
  ...rgb
    .map((value) => value / 255)
    .map((s) => Number((s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4).toFixed(4))),
  1,
];
