// An image in, people in 3D out: hourlift.predict.predictor and .joints in TypeScript.
import { solveRoot, unproject, type Camera, type Matrix } from "../geometry/camera";
import { Crop, rescalePoint, type Box, type Point } from "../geometry/crop";
import { JOINTS, PAIRS } from "../geometry/skeleton";
import { calibrated } from "../hourglass/confidence";
import { decode, findPeaks } from "../hourglass/heatmap";
import { cropOffsets, denormalize, normalizeJoints, personInput } from "../lifter/normalize";
import { cutOut, type RgbaImage } from "./cutout";
import { findPerson, type Found, type Joints2D } from "./detect";
import type { Contract } from "./runtime";
import { Follower } from "./track";
import { isLeaning, trunkTilt } from "./turn";

/** One person in one image, as docs/formats.md describes it; NaN where unknown. */
export interface Pose {
  person_id: number;
  joints_2d_px: Point[];
  confidence: number[];
  joints_3d_mm: Point[];
  root_cam_mm: Point;
  box_xyxy_px: Box;
}

export interface Frame {
  index: number;
  time_s: number;
  people: Pose[];
}

/** What the predictor needs of a network; tests put in their own. */
export interface Runnable {
  contract: Contract;
  run(
    type: "uint8" | "float32",
    data: Uint8Array | Float32Array,
    shape: number[],
  ): Promise<{ data: Float32Array; dims: readonly number[] }>;
}

const MAX_BATCH = 16;
const IDENTITY = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];

export class Predictor {
  private readonly size: number;

  /** @throws Error when a contract is one that this page does not know. */
  constructor(
    private readonly hourglass: Runnable,
    private readonly lifter: Runnable,
  ) {
    for (const { contract } of [hourglass, lifter]) {
      if (contract.schema !== 1 || contract.joint_names.join() !== JOINTS.join()) {
        throw new Error(`${contract.name}: the page is older or newer than this model; build it again`);
      }
    }
    if (!["rays", "crop", "person"].includes(lifter.contract.inputs ?? "rays")) {
      throw new Error(`${lifter.contract.name}: this page cannot make the lifter's input "${lifter.contract.inputs}"`);
    }
    this.size = hourglass.contract.input_size!;
  }

  /** Find and lift the most visible person. */
  async predict(image: RgbaImage, camera: Camera): Promise<Pose[]> {
    const found = await findPerson(image.wh, (boxes) => this.estimate(image, boxes));
    return found === null ? [] : [await this.lift(found, camera)];
  }

  /** Start to follow a person through frames. */
  follow(): (image: RgbaImage, timeS: number, camera: Camera) => Promise<Pose[]> {
    const follower = new Follower();
    return async (image, timeS, camera) => {
      const found = await follower.step(image.wh, timeS, (boxes, turnRad) => this.estimate(image, boxes, turnRad));
      return found === null ? [] : [await this.lift(found, camera)];
    };
  }

  /** Stage 1: the joints of the person in each box; they are expected to lean to the right by so much. */
  async estimate(image: RgbaImage, boxes: Box[], turnRad = 0): Promise<Joints2D[]> {
    const parts = [];
    for (let i = 0; i < boxes.length; i += MAX_BATCH)
      parts.push(await this.estimateBatch(image, boxes.slice(i, i + MAX_BATCH), turnRad));
    return parts.flat();
  }

  /** Look a second time at people who lean, with the crop turned until they stand upright; the surer answer counts. */
  private async estimateBatch(image: RgbaImage, boxes: Box[], turnRad: number): Promise<Joints2D[]> {
    const turned = ({ centerPx, sidePx }: Crop, by: number) => new Crop(centerPx, sidePx, this.size, by);
    const crops = boxes.map((box) =>
      turned(Crop.fromBox(box, this.size, this.hourglass.contract.crop_margin!), turnRad),
    );
    const people = await this.look(image, crops);
    const leaning = people
      .map(({ jointsPx }, i) => ({ i, tilt: trunkTilt(jointsPx) }))
      .filter(({ tilt }) => isLeaning(tilt - turnRad));
    if (leaning.length === 0) return people;
    const upright = leaning.map(({ i, tilt }) => turned(crops[i]!, tilt));
    const sureness = ({ peaks }: Joints2D) => peaks.reduce((sum, peak) => sum + peak, 0);
    (await this.look(image, upright)).forEach((second, n) => {
      const { i } = leaning[n]!;
      if (sureness(second) > sureness(people[i]!)) people[i] = second;
    });
    return people;
  }

  /** The joints of the person in each crop. */
  private async look(image: RgbaImage, crops: Crop[]): Promise<Joints2D[]> {
    const { decode: method, confidence } = this.hourglass.contract;
    const bytes = this.size ** 2 * 3,
      batch = new Uint8Array(crops.length * bytes);
    crops.forEach((crop, i) => cutOut(image, crop, batch, i * bytes));
    const { data, dims } = await this.hourglass.run("uint8", batch, [crops.length, this.size, this.size, 3]);
    const [, joints, height, width] = dims as [number, number, number, number];
    const map = (person: number, j: number) =>
      data.subarray((person * joints + j) * height * width, (person * joints + j + 1) * height * width);
    return crops.map((crop, i) => {
      const maps = JOINTS.map((_, j) => map(i, j));
      const cells = findPeaks(maps, width, PAIRS);
      const found = maps.map((heatmap, j) => decode(heatmap, width, method!, cells[j]!));
      const peaks = found.map(({ value }) => Math.min(Math.max(value, 0), 1));
      return {
        jointsPx: found.map(({ point }) => crop.toImage(rescalePoint(point, this.size / width))),
        confidence: confidence === undefined ? peaks : calibrated(maps, width, cells, confidence),
        peaks,
      };
    });
  }

  /** Stage 2 and the place in space. */
  async lift(found: Found, camera: Camera): Promise<Pose> {
    const { rows, rotation, unknown } = this.liftInput(found, camera);
    const { data } = await this.lifter.run("float32", Float32Array.from(rows.flat()), [
      1,
      JOINTS.length,
      rows[0]!.length,
    ]);
    const joints = denormalize(
      JOINTS.map((_, j) => [...data.subarray(3 * j, 3 * j + 3)]),
      rotation,
    );
    const confidence = found.confidence.map((value, j) => (unknown[j] ? 0 : value));
    return {
      person_id: 0,
      joints_2d_px: found.jointsPx,
      confidence,
      joints_3d_mm: joints,
      root_cam_mm: solveRoot(
        joints,
        found.jointsPx.map((p) => unproject(camera, p)),
        confidence,
      ),
      box_xyxy_px: found.box,
    };
  }

  /** What the lifter reads, by its file; what its answer is turned back by; which joints it knows nothing of. */
  private liftInput(
    { jointsPx, confidence, box }: Found,
    camera: Camera,
  ): { rows: Point[]; rotation: Matrix; unknown: boolean[] } {
    const inputs = this.lifter.contract.inputs ?? "rays";
    if (inputs === "person") {
      const read = personInput(jointsPx, confidence, camera);
      return { ...read, unknown: read.rows.map((row) => row[2] === 0) };
    }
    const { rays, rotation } =
      inputs === "rays" ? normalizeJoints(jointsPx, camera) : { rays: cropOffsets(jointsPx, box), rotation: IDENTITY };
    const unknown = rays.map((ray) => !ray.every(Number.isFinite));
    return { rows: rays.map((ray, j) => (unknown[j] ? [0, 0] : ray)), rotation, unknown };
  }
}
