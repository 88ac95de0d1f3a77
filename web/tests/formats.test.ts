import { expect, test } from "vitest";

import type { Frame } from "../src/predict/predictor";
import { toBvh } from "../src/formats/bvh";
import { toCsv } from "../src/formats/csv";
import { tracks, type Document } from "../src/formats/document";
import { toGlb } from "../src/formats/gltf";
import { toJson } from "../src/formats/json";
import { bytes, expectClose } from "./vectors";
import files from "./vectors/files.json";

/** The video that Python wrote, read back from its JSON. */
const video = JSON.parse(JSON.stringify(files.json), (_, value) => (value === null ? NaN : value)) as Document;
const still: Document = { ...video, kind: "photo", fps: null, frames: [video.frames[0]!] };
const person = (document: Document) => tracks(document).get(0)!;

test("JSON", () => {
  const text = toJson(video);
  const { conventions, schema_minor_version, ...written } = JSON.parse(text);
  // A later minor version of the package may say more.
  expect(schema_minor_version).toBeLessThanOrEqual(files.json.schema_minor_version);
  for (const [key, value] of Object.entries(conventions)) expect(files.json.conventions).toHaveProperty(key, value);
  for (const [key, value] of Object.entries(written)) {
    if (key !== "frames") expectClose(value, files.json[key as keyof typeof files.json], 1e-9, key);
  }
  files.json.frames.forEach(({ people, ...frame }, i) => {
    expectClose(
      { ...written.frames[i], people: people.length },
      { ...frame, people: written.frames[i].people.length },
      1e-9,
    );
    people.forEach((person, n) => {
      for (const [key, value] of Object.entries(written.frames[i].people[n]))
        expectClose(value, person[key as keyof typeof person], 1e-9, key);
    });
  });
  expect(text.split("\n").length, "one frame a line").toBe(1 + 14 + 1 + 5 + 2 + 1);
  expect(toJson({ ...video, source: "caf\u00e9.jpg" })).toContain("caf\\u00e9.jpg");
});

test("CSV", () => expectLines(toCsv(video), files.csv, 0.11, ","));

test("BVH", () => {
  expectLines(toBvh(video, person(video)), files.bvh, 2e-3, " ");
  expectLines(toBvh(still, person(still)), files.still_bvh, 2e-3, " ");
});

test("glTF", () => {
  expectSameGlb(toGlb(video), bytes(files.glb));
  expectSameGlb(toGlb(still), bytes(files.still_glb));
});

test("a joint that is never known is named", () => {
  const lame: Frame[] = video.frames.map((frame) => ({
    ...frame,
    people: frame.people.map((pose) => ({
      ...pose,
      joints_3d_mm: pose.joints_3d_mm.map((p, j) => (j === 3 ? [NaN, NaN, NaN] : p)),
    })),
  }));
  expect(() => toGlb({ ...video, frames: lame })).toThrow("r_ankle");
});

/** Text compared word by word, numbers with a tolerance: Python rounds the float32 of what we have in full. */
function expectLines(text: string, expected: string[], tolerance: number, separator: string): void {
  const lines = text.trimEnd().split("\n");
  expect(lines.length).toBe(expected.length);
  lines.forEach((line, i) => {
    const words = line.split(separator),
      others = expected[i]!.split(separator);
    expect(words.length, line).toBe(others.length);
    words.forEach((word, w) => {
      const other = others[w]!;
      if (/^-?[\d.]+$/.test(other))
        expect(Math.abs(Number(word) - Number(other)), `${line}\n${expected[i]}`).toBeLessThanOrEqual(tolerance);
      else expect(word).toBe(other);
    });
  });
}

/** The same nodes, accessors and numbers. */
function expectSameGlb(actual: Uint8Array, expected: Uint8Array): void {
  const [a, b] = [actual, expected].map(parseGlb) as [Glb, Glb];
  a.json.asset.generator = b.json.asset.generator;
  expectClose(a.json, b.json, 2e-4);
  b.numbers.forEach((values, i) => expectClose(a.numbers[i], Array.from(values), 2e-4, `accessor ${i}`));
}

interface Glb {
  json: any;
  numbers: ArrayLike<number>[];
}

function parseGlb(file: Uint8Array): Glb {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  expect(view.getUint32(8, true)).toBe(file.length);
  const length = view.getUint32(12, true);
  const json = JSON.parse(new TextDecoder().decode(file.subarray(20, 20 + length)));
  expect(view.getUint32(20 + length, true)).toBe(json.buffers[0].byteLength);
  const numbers = json.accessors.map((accessor: any) => {
    const { byteOffset, byteLength } = json.bufferViews[accessor.bufferView];
    const data = file.slice(28 + length + byteOffset, 28 + length + byteOffset + byteLength).buffer;
    return new ({ 5121: Uint8Array, 5123: Uint16Array, 5126: Float32Array } as any)[accessor.componentType](data);
  });
  return { json, numbers };
}
