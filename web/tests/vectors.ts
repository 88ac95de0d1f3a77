// What the Python package says; tests/write_vectors.py wrote it. Its null is NaN.
import { expect } from "vitest";

import type { Point } from "../src/geometry/crop";

/** Points of the vectors, null as NaN. */
export const points = (values: (number | null)[][]): Point[] => values.map((p) => p.map((value) => value ?? NaN));

export const bytes = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** Compare nested numbers; what is not finite here must be null there. */
export function expectClose(actual: unknown, expected: unknown, tolerance: number, path = ""): void {
  if (Array.isArray(expected)) {
    expect(Array.isArray(actual) || ArrayBuffer.isView(actual), `${path} is a list`).toBe(true);
    const list = Array.from(actual as ArrayLike<unknown>);
    expect(list.length, `length of ${path}`).toBe(expected.length);
    expected.forEach((item, i) => expectClose(list[i], item, tolerance, `${path}[${i}]`));
  } else if (expected !== null && typeof expected === "object") {
    const fields = actual as Record<string, unknown>;
    expect(Object.keys(fields).sort(), path).toEqual(Object.keys(expected).sort());
    for (const [key, item] of Object.entries(expected)) expectClose(fields[key], item, tolerance, `${path}.${key}`);
  } else if (typeof expected === "number") {
    expect(typeof actual, path).toBe("number");
    expect(Math.abs((actual as number) - expected), `${path}: ${actual} is ${expected}`).toBeLessThanOrEqual(tolerance);
  } else if (expected === null) {
    expect(actual === null || Number.isNaN(actual), `${path}: ${actual} is unknown`).toBe(true);
  } else expect(actual, path).toBe(expected);
}
