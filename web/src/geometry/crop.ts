// Boxes, the square crop that stage 1 sees, and the one half-pixel rule: hourlift.geometry.crop in TypeScript.
// Pixel centres are integers: an image of width W spans [-0.5, W - 0.5]. No other module adds half a pixel.

export type Point = number[]; // x, y or x, y, z; NaN where unknown
export type Box = [number, number, number, number]; // x0, y0, x1, y1 in pixels
export type Size = [number, number]; // width, height

export const BOX_GROWTH = 0.15;
export const MIN_GROWTH = 0.05;

/** The box that covers an image exactly. */
export const wholeImageBox = ([width, height]: Size): Box => [-0.5, -0.5, width - 0.5, height - 0.5];

/** The box around the finite joints, grown on every side; NaN where no joint is finite. */
export function boxFromJoints(jointsPx: Point[], growth = BOX_GROWTH): Box {
  const known = jointsPx.filter((p) => p.every(Number.isFinite));
  if (known.length === 0) return [NaN, NaN, NaN, NaN];
  const [xs, ys] = [0, 1].map((axis) => known.map((p) => p[axis]!)) as [number[], number[]];
  const [x0, y0, x1, y1] = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  const longer = Math.max(x1 - x0, y1 - y0);
  const [padX, padY] = [x1 - x0, y1 - y0].map((extent) => Math.max(growth * extent, MIN_GROWTH * longer)) as Size;
  return [x0 - padX, y0 - padY, x1 + padX, y1 + padY];
}

/** A square cut from an image and resized to `size` pixels; it may reach outside the image.
 *
 * It leans to the right by `turnRad`: up in the crop is (sin, -cos) of it in the image.
 */
export class Crop {
  constructor(
    readonly centerPx: Point,
    readonly sidePx: number,
    readonly size: number,
    readonly turnRad = 0,
  ) {}

  /** The square of `margin` x the longer side of a box, centred on the box. */
  static fromBox([x0, y0, x1, y1]: Box, size: number, margin: number): Crop {
    const side = margin * Math.max(x1 - x0, y1 - y0);
    if (!(side > 0)) throw new Error(`a box needs x0 < x1 and y0 < y1, got ${[x0, y0, x1, y1]}`);
    return new Crop([(x0 + x1) / 2, (y0 + y1) / 2], side, size);
  }

  /** Crop pixels per image pixel. */
  get scale(): number {
    return this.size / this.sidePx;
  }

  /** Where the image's (0, 0) lies in the crop; of a square that does not lean, x_crop = x * scale + offset. */
  get offset(): Point {
    return turned(this.centerPx, -this.turnRad).map((c) => (this.sidePx / 2 - c) * this.scale - 0.5);
  }

  /** The way in the image from a pixel of the crop to the one right of it. */
  get step(): Point {
    return turned([1 / this.scale, 0], this.turnRad);
  }

  toCrop(point: Point): Point {
    const { scale, offset } = this;
    return turned(point, -this.turnRad).map((value, axis) => value * scale + offset[axis]!);
  }

  toImage(point: Point): Point {
    const { scale, offset } = this;
    const upright = point.map((value, axis) => (value - offset[axis]!) / scale);
    return turned(upright, this.turnRad);
  }
}

/** Turn a point about (0, 0), to the right where up is. */
function turned([x, y]: Point, rad: number): Point {
  const [cos, sin] = [Math.cos(rad), Math.sin(rad)];
  return [cos * x! - sin * y!, sin * x! + cos * y!];
}

/** Where a point lands when its image is resized by `scale`, new size over old. */
export const rescalePoint = (point: Point, scale: number): Point => point.map((value) => (value + 0.5) * scale - 0.5);
