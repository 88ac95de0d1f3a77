// Square crops out of a picture: hourlift.predict.joints._cut_one in TypeScript.
import { Crop, rescalePoint, type Size } from "../geometry/crop";

/** A decoded picture: 4 bytes a pixel, RGBA. */
export interface Picture {
  wh: Size;
  rgba: Uint8ClampedArray;
}

/** A part of a picture: 3 numbers a pixel. */
interface Region {
  width: number;
  height: number;
  rgb: Float32Array;
}

/** Write one crop, size x size x 3 bytes, at `start` of `out`; black where the square reaches out of the picture.
 *
 * Bilinear sampling reads four pixels however far it strides, so a large square is first averaged down by a whole
 * factor; what remains to shrink is less than twofold.
 */
export function cutOut(picture: Picture, crop: Crop, out: Uint8Array, start: number): void {
  const factor = Math.max(Math.floor(crop.sidePx / crop.size), 1);
  const reach = crop.sidePx / 2 + 2 * factor;
  const low = crop.centerPx.map((c) => Math.max(Math.floor(c - reach), 0)) as Size;
  const high = crop.centerPx.map((c, i) => Math.min(Math.ceil(c + reach) + 1, picture.wh[i]!)) as Size;
  out.fill(0, start, start + crop.size ** 2 * 3);
  if (low[0] >= high[0] || low[1] >= high[1]) return; // all of it lies outside
  const region = averageDown(picture, low, high, factor);
  const center = rescalePoint(crop.centerPx.map((c, i) => c - low[i]!), 1 / factor);
  warp(region, new Crop(center, crop.sidePx / factor, crop.size), out, start);
}

/** Mean over blocks of factor x factor pixels, rounded to whole numbers; incomplete blocks are filled up with black. */
function averageDown(picture: Picture, [x0, y0]: Size, [x1, y1]: Size, factor: number): Region {
  const width = Math.ceil((x1 - x0) / factor), height = Math.ceil((y1 - y0) / factor);
  const rgb = new Float32Array(width * height * 3);
  const stride = picture.wh[0] * 4;
  for (let y = y0; y < y1; y++) {
    const row = Math.floor((y - y0) / factor) * width;
    for (let x = x0, read = y * stride + x0 * 4; x < x1; x++, read += 4) {
      const write = (row + Math.floor((x - x0) / factor)) * 3;
      rgb[write]! += picture.rgba[read]!;
      rgb[write + 1]! += picture.rgba[read + 1]!;
      rgb[write + 2]! += picture.rgba[read + 2]!;
    }
  }
  if (factor > 1) for (let i = 0; i < rgb.length; i++) rgb[i] = Math.round(rgb[i]! / factor ** 2);
  return { width, height, rgb };
}

/** Bilinear sampling of a square; outside of the region everything is black. */
function warp({ width, height, rgb }: Region, crop: Crop, out: Uint8Array, start: number): void {
  const [x0, y0] = crop.toImage([0, 0]) as Size;
  const step = 1 / crop.scale;
  for (let i = 0, write = start; i < crop.size; i++) {
    const y = y0 + i * step, top = Math.floor(y), down = y - top;
    for (let j = 0; j < crop.size; j++, write += 3) {
      const x = x0 + j * step, left = Math.floor(x), right = x - left;
      if (left < -1 || top < -1 || left >= width || top >= height) continue;
      for (let dy = 0; dy < 2; dy++) {
        for (let dx = 0; dx < 2; dx++) {
          const [u, v] = [left + dx, top + dy];
          if (u < 0 || v < 0 || u >= width || v >= height) continue;
          const weight = (dx ? right : 1 - right) * (dy ? down : 1 - down), read = (v * width + u) * 3;
          for (let c = 0; c < 3; c++) sum[c]! += weight * rgb[read + c]!;
        }
      }
      for (let c = 0; c < 3; c++) {
        out[write + c] = Math.round(sum[c]!);
        sum[c] = 0;
      }
    }
  }
}

const sum = new Float64Array(3);
