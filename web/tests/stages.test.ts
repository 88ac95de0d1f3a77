import { expect, test } from "vitest";

import type { Camera } from "../src/geometry/camera";
import { boxFromJoints, Crop, type Box, type Size } from "../src/geometry/crop";
import { JOINTS, PAIRS } from "../src/geometry/skeleton";
import { calibrated } from "../src/hourglass/confidence";
import { decode, findPeaks } from "../src/hourglass/heatmap";
import { cropOffsets, denormalize, normalizeJoints, personInput } from "../src/lifter/normalize";
import { cutOut, type RgbaImage } from "../src/predict/cutout";
import { findPerson, iou, personBox, searchBoxes, type Estimate } from "../src/predict/detect";
import { Predictor, type Runnable } from "../src/predict/predictor";
import { Follower } from "../src/predict/track";
import { expectedTurn, isLeaning, trunkTilt } from "../src/predict/turn";
import { bytes, expectClose, points } from "./vectors";
import confidence from "./vectors/confidence.json";
import cutouts from "./vectors/cutouts.json";
import heatmaps from "./vectors/heatmaps.json";
import lifting from "./vectors/lifting.json";
import pairs from "./vectors/pairs.json";
import searching from "./vectors/searching.json";
import tilts from "./vectors/tilts.json";

const PX = 1e-3,
  MM = 0.5;

test("crops are cut out as OpenCV does it", () => {
  const rgb = bytes(cutouts.rgb),
    [width, height] = cutouts.image_wh as Size;
  const rgba = new Uint8ClampedArray(width * height * 4).map((_, i) =>
    i % 4 === 3 ? 255 : rgb[Math.floor(i / 4) * 3 + (i % 4)]!,
  );
  cutouts.boxes.forEach((box, i) => {
    const out = new Uint8Array(cutouts.size ** 2 * 3).fill(7);
    const { centerPx, sidePx, size } = Crop.fromBox(box as Box, cutouts.size, 1.1);
    cutOut({ wh: [width, height], rgba }, new Crop(centerPx, sidePx, size, cutouts.turns_rad[i]), out, 0);
    const errors = [...bytes(cutouts.crops[i]!)].map((value, at) => Math.abs(value - out[at]!));
    expect(Math.max(...errors), `crop ${i}`).toBeLessThanOrEqual(1);
    expect(errors.filter((error) => error > 0).length / errors.length, `crop ${i}`).toBeLessThan(0.01);
  });
});

test("heatmaps are decoded", () => {
  for (const method of ["argmax", "quarter", "dark"] as const) {
    const maps = heatmaps.heatmaps.map((cells) => Float32Array.from(cells));
    const cells = findPeaks(maps, heatmaps.width);
    const peaks = maps.map((map, j) => decode(map, heatmaps.width, method, cells[j]!));
    expectClose(
      peaks.map(({ point }) => point),
      heatmaps[method],
      PX,
      method,
    );
    expectClose(
      peaks.map(({ value }) => value),
      heatmaps.peaks,
      1e-6,
    );
  }
});

test("left and right are told apart", () => {
  pairs.people.forEach((maps, i) => {
    const people = maps.map((cells) => Float32Array.from(cells));
    expect(findPeaks(people, pairs.width, PAIRS)).toEqual(pairs.told_apart[i]);
    expect(findPeaks(people, pairs.width)).toEqual(pairs.largest[i]);
  });
});

test("confidence is calibrated", () => {
  const maps = confidence.heatmaps.map((cells) => Float32Array.from(cells));
  const cells = findPeaks(maps, confidence.width, PAIRS);
  expectClose(calibrated(maps, confidence.width, cells, confidence.contract), confidence.confidence, 1e-5);
  const unknown = { evidence: ["stars"], weights: [] };
  expect(() => calibrated(maps, confidence.width, cells, unknown)).toThrow("goes by stars");
});

test("joints become rays and the answer is turned back", () => {
  lifting.cameras.forEach((camera, i) => {
    const joints = points(lifting.pixels[i]!);
    const { rays, rotation } = normalizeJoints(joints, camera as unknown as Camera);
    expectClose(rays, lifting.rays[i], 1e-6);
    expectClose(rotation, lifting.rotations[i], 1e-9);
    expectClose(denormalize(lifting.answers_mm[i]!, rotation), lifting.turned_back_mm[i], MM / 1000);
    expectClose(cropOffsets(joints, boxFromJoints(joints)), lifting.crop_offsets[i], PX);
  });
});

test("a lifter that reads confidence and size gets them", () => {
  lifting.cameras.forEach((camera, i) => {
    const { rows, rotation } = personInput(
      points(lifting.pixels[i]!),
      lifting.confidence[i]!,
      camera as unknown as Camera,
    );
    expectClose(rows, lifting.people_read[i], 1e-6);
    expectClose(rotation, lifting.people_rotations[i], 1e-9);
  });
});

test("boxes of people and the search", () => {
  const boxes = searching.joints_px.map((jointsPx, i) =>
    personBox({ jointsPx, peaks: searching.peaks[i]!, confidence: [] }),
  );
  expectClose(boxes, searching.boxes, PX);
  expectClose(
    boxes.map((box) => iou(boxes[0]!, box)),
    searching.iou,
    1e-6,
  );
  expectClose(
    searching.sizes.map((size) => [...searchBoxes(size as Size)]),
    searching.search_boxes,
    PX,
  );
});

/** Stage 1 that sees a person of 100 x 200 pixels around a place, the better the more of the crop they fill. */
function somebodyAt(place: () => [number, number] | null, looks: Box[][] = []): Estimate {
  return async (boxes) => {
    looks.push(boxes);
    return boxes.map((box) => {
      const [x, y] = place() ?? [NaN, NaN];
      const inside = x - 50 > box[0] && x + 50 < box[2] && y - 100 > box[1] && y + 100 < box[3];
      const peak = inside ? Math.min(1, 260 / (box[3] - box[1])) : 0.05;
      const jointsPx = Array.from({ length: 17 }, (_, j) => [x - 50 + (100 * (j % 5)) / 4, y - 100 + (200 * j) / 16]);
      return { jointsPx, peaks: Array(17).fill(peak), confidence: Array(17).fill(0.5) };
    });
  };
}

test("how far trunks lean", () => {
  expectClose(
    tilts.joints_px.map((joints) => trunkTilt(points(joints))),
    tilts.tilts_rad,
    1e-9,
  );
});

/** Stage 1 that sees everybody lie, heads to the right, and is surer or less sure in the second look. */
function seesThemLie(secondPeak: number, batches: number[] = []): Runnable {
  const side = 8;
  return {
    contract: {
      schema: 1,
      kind: "hourglass",
      name: "fake",
      joint_names: JOINTS,
      input_size: 32,
      crop_margin: 1,
      decode: "argmax",
    },
    async run(_type, _data, [count]) {
      const data = new Float32Array(count! * JOINTS.length * side ** 2);
      for (let map = 0; map < count! * JOINTS.length; map++) {
        const column = ["thorax", "head"].includes(JOINTS[map % JOINTS.length]!) ? 6 : 2;
        data[map * side ** 2 + 4 * side + column] = batches.length === 0 ? 0.5 : secondPeak;
      }
      batches.push(count!);
      return { data, dims: [count!, JOINTS.length, side, side] };
    },
  };
}

test("who leans is looked at again, and the surer answer counts", async () => {
  const image: RgbaImage = { wh: [64, 64], rgba: new Uint8ClampedArray(64 * 64 * 4) };
  const lifter = { ...seesThemLie(0), contract: { ...seesThemLie(0).contract, kind: "lifter" as const } };
  const box: Box = [0, 0, 64, 64];
  const batches: number[] = [];
  const [unsure] = await new Predictor(seesThemLie(0.4, batches), lifter).estimate(image, [box]);
  expect(batches).toEqual([1, 1]);
  expect(trunkTilt(unsure!.jointsPx)).toBeCloseTo(Math.PI / 2, 9);
  expect(unsure!.peaks[0]).toBeCloseTo(0.5, 6);
  const [sure] = await new Predictor(seesThemLie(0.6), lifter).estimate(image, [box]);
  expect(Math.abs(trunkTilt(sure!.jointsPx)), "they lie in a crop that was turned").toBeCloseTo(Math.PI, 9);
  expect(sure!.peaks[0]).toBeCloseTo(0.6, 6);
});

test("who leaned is first looked at that way in the next frame", async () => {
  let tilt = 2.5;
  const turns: (number | undefined)[] = [];
  const leaning: Estimate = async (boxes, turnRad) => {
    turns.push(turnRad);
    const at = (name: string, j: number) =>
      ["thorax", "head"].includes(name)
        ? [320 + 100 * Math.sin(tilt), 240 - 100 * Math.cos(tilt)]
        : [320 + (name === "pelvis" ? 0 : 5 * j), 240];
    return boxes.map(() => ({ jointsPx: JOINTS.map(at), peaks: Array(17).fill(0.7), confidence: Array(17).fill(0.7) }));
  };
  const follower = new Follower();
  const firstLooks = [];
  for (const next of [2.5, 2.5, 0.2, 0.2]) {
    tilt = next;
    turns.length = 0;
    await follower.step([640, 480], firstLooks.length, leaning);
    firstLooks.push(turns[0] ?? 0);
  }
  expectClose(firstLooks, [0, 2.5, 2.5, 0], 1e-9);
  expect([0.5, -0.5, 6.2, -6.2].map(isLeaning)).toEqual([false, false, false, false]);
  expect([0.55, -0.55, Math.PI, 5.7].map(isLeaning)).toEqual([true, true, true, true]);
  expect(expectedTurn((await leaning([[0, 0, 1, 1]]))[0]!.jointsPx)).toBe(0);
});

test("a person is searched from coarse to fine", async () => {
  const found = await findPerson(
    [1600, 1200],
    somebodyAt(() => [1200, 700]),
  );
  expect(found).not.toBeNull();
  expectClose(found!.box, boxFromJoints(found!.jointsPx), 1e-6);
  expect(
    await findPerson(
      [1600, 1200],
      somebodyAt(() => null),
    ),
  ).toBeNull();
});

test("a person is followed with one look a frame, lost, and found again", async () => {
  let place: [number, number] | null = [400, 300];
  const looks: Box[][] = [],
    estimate = somebodyAt(() => place, looks),
    follower = new Follower();
  expect(await follower.step([800, 600], 0, estimate)).not.toBeNull();
  for (let t = 1; t <= 5; t++) {
    place = [400 + 5 * t, 300];
    looks.length = 0;
    expect((await follower.step([800, 600], t / 25, estimate))!.jointsPx[0]![0]).toBe(350 + 5 * t);
    expect(looks.length).toBe(1);
  }
  place = null;
  expect(await follower.step([800, 600], 0.24, estimate)).toBeNull();
  looks.length = 0;
  expect(await follower.step([800, 600], 0.28, estimate)).toBeNull();
  expect(looks.length, "searching again costs too much so soon").toBe(0);
  place = [200, 200];
  expect(await follower.step([800, 600], 0.6, estimate)).not.toBeNull();
});
