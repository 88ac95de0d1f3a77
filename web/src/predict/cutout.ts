// Square crops out of an image: hourlift.predict.models.keypoints._cut_one in TypeScript.
import { Crop, rescalePoint, type Size } from "../geometry/crop";

/** A decoded image: 4 bytes a pixel, RGBA. */
export interface RgbaImage {
  wh: Size;
  rgba: Uint8ClampedArray;
}

/** A part of an image: 3 numbers a pixel. */
interface Region {
  width: number;
  height: number;
  rgb: Float32Array;
}

/** Write one crop, size x size x 3 bytes, at `start` of `out`; black where the square reaches out of the image.
 *
 * Bilinear sampling reads four pixels however far it strides, so a large square is first halved, as often as it takes
 * until what remains to shrink is less than twofold.
 */
export function cutOut(image: RgbaImage, crop: Crop, out: Uint8Array, start: number): void {
  let factor = 1;
  while (crop.sidePx >= 2 * factor * crop.size) factor *= 2;
  const across = Math.abs(Math.cos(crop.turnRad)) + Math.abs(Math.sin(crop.turnRad));
  const reach = (across * crop.sidePx) / 2 + 2 * factor;
  const low = crop.centerPx.map((c) => Math.max(Math.floor(c - reach), 0)) as Size;
  const high = crop.centerPx.map((c, i) => Math.min(Math.ceil(c + reach) + 1, image.wh[i]!)) as Size;
  out.fill(0, start, start + crop.size ** 2 * 3);
  if (low[0] >= high[0] || low[1] >= high[1]) return; // all of it lies outside
  let region = cutRegion(image, low, high);
  for (let f = factor; f > 1; f /= 2) region = halved(region);
  const center = rescalePoint(
    crop.centerPx.map((c, i) => c - low[i]!),
    1 / factor,
  );
  warp(region, new Crop(center, crop.sidePx / factor, crop.size, crop.turnRad), out, start);
}

function cutRegion(image: RgbaImage, [x0, y0]: Size, [x1, y1]: Size): Region {
  const region = { width: x1 - x0, height: y1 - y0, rgb: new Float32Array((x1 - x0) * (y1 - y0) * 3) };
  for (let y = y0, write = 0; y < y1; y++) {
    for (let x = x0, read = (y * image.wh[0] + x0) * 4; x < x1; x++, read += 4, write += 3) {
      for (let c = 0; c < 3; c++) region.rgb[write + c] = image.rgba[read + c]!;
    }
  }
  return region;
}

/** Mean over blocks of 2 x 2 pixels, rounded up as OpenCV does it; incomplete blocks are filled up with black. */
function halved(region: Region): Region {
  const width = Math.ceil(region.width / 2),
    height = Math.ceil(region.height / 2);
  const rgb = new Float32Array(width * height * 3);
  for (let y = 0, read = 0; y < region.height; y++) {
    const row = (y >> 1) * width;
    for (let x = 0; x < region.width; x++, read += 3) {
      const write = (row + (x >> 1)) * 3;
      for (let c = 0; c < 3; c++) rgb[write + c]! += region.rgb[read + c]!;
    }
  }
  return { width, height, rgb: rgb.map((sum) => Math.round(sum / 4)) };
}

/** Bilinear sampling of a square; outside of the region everything is black.
 *
 * The arithmetic is OpenCV's, float32 where it has float32, products not rounded where it adds them in the same
 * instruction: the search moves a box until it rests, which turns a difference of one grey level in a few pixels into
 * another resting place.
 */
function warp({ width, height, rgb }: Region, crop: Crop, out: Uint8Array, start: number): void {
  const [x0, y0] = crop.toImage([0, 0]).map(Math.fround) as Size;
  const [stepX, stepY] = crop.step.map(Math.fround) as Size; // to the right; down is (-stepY, stepX)
  const at = (x: number, y: number, c: number) =>
    x < 0 || y < 0 || x >= width || y >= height ? 0 : rgb[(y * width + x) * 3 + c]!;
  const between = (a: number, b: number, share: number) => Math.fround(a + share * Math.fround(b - a));
  for (let i = 0, write = start; i < crop.size; i++) {
    const rowX = Math.fround(x0 - Math.fround(stepY * i)),
      rowY = Math.fround(y0 + Math.fround(stepX * i));
    for (let j = 0; j < crop.size; j++, write += 3) {
      const x = Math.fround(rowX + stepX * j),
        y = Math.fround(rowY + stepY * j);
      const left = Math.floor(x),
        top = Math.floor(y);
      const right = Math.fround(x - left),
        down = Math.fround(y - top);
      if (left < -1 || top < -1 || left >= width || top >= height) continue;
      for (let c = 0; c < 3; c++) {
        const above = between(at(left, top, c), at(left + 1, top, c), right);
        const below = between(at(left, top + 1, c), at(left + 1, top + 1, c), right);
        out[write + c] = roundHalfEven(between(above, below, down));
      }
    }
  }
}

function roundHalfEven(value: number): number {
  const down = Math.floor(value),
    rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
}
