// What an image file says of itself before it is decoded: its size, and its focal length in EXIF.
// hourlift.media.images in TypeScript, for the formats that browsers show.

/** The largest image that the page decodes: 400 MB in memory. */
export const MAX_PIXELS = 100e6;

const EXIF_IFD = 0x8769,
  FOCAL_LENGTH_35MM = 0xa405; // tags of EXIF 2.32

export interface Header {
  /** Width and height as stored; null for a format whose header is not read here. */
  wh: [number, number] | null;
  /** 35 mm equivalent focal length in mm. */
  focal35mm: number | null;
}

/** Read the header.
 *
 * @throws Error for a file that is no image, is cut off in its header, or too large for a page.
 */
export function readHeader(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Header;
  try {
    header = parse(view);
  } catch (error) {
    if (error instanceof RangeError) throw new Error("the file is cut off within its header");
    throw error;
  }
  const [width, height] = header.wh ?? [0, 0];
  if (width * height > MAX_PIXELS) {
    throw new Error(
      `${width} x ${height} pixels are more than the ${MAX_PIXELS / 1e6} megapixels that this page takes; make it smaller`,
    );
  }
  return header;
}

function parse(view: DataView): Header {
  const text = (offset: number, length: number) =>
    [...Array(length).keys()].map((i) => String.fromCharCode(view.getUint8(offset + i))).join("");
  if (view.byteLength === 0) throw new Error("the file is empty");
  if (view.byteLength < 12) throw new Error("this is no image or video");
  if (view.getUint16(0) === 0xffd8) return parseJpeg(view);
  if (text(1, 3) === "PNG") return { wh: [view.getUint32(16), view.getUint32(20)], focal35mm: null };
  if (text(0, 4) === "RIFF" && text(8, 4) === "WEBP") return { wh: webpSize(view, text(12, 4)), focal35mm: null };
  if (text(0, 2) === "BM")
    return { wh: [Math.abs(view.getInt32(18, true)), Math.abs(view.getInt32(22, true))], focal35mm: null };
  if (text(0, 4) === "GIF8") return { wh: [view.getUint16(6, true), view.getUint16(8, true)], focal35mm: null };
  if (text(4, 8) === "ftypavif") return { wh: null, focal35mm: null };
  throw new Error("this is no image that the page knows (JPEG, PNG, WebP, BMP, GIF, AVIF) and no video");
}

/** Walk the segments to the frame header, SOF (ITU-T T.81, B.2.2), and read EXIF's APP1 on the way. */
function parseJpeg(view: DataView): Header {
  let focal35mm: number | null = null;
  for (let at = 2; ;) {
    if (view.getUint8(at) !== 0xff) {
      at += 1; // padding between segments
      continue;
    }
    const marker = view.getUint8(at + 1);
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { wh: [view.getUint16(at + 7), view.getUint16(at + 5)], focal35mm };
    }
    if (marker === 0xe1 && view.getUint32(at + 4) === 0x45786966) focal35mm = exifFocal(view, at + 10);
    const single = marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    at += single ? (marker === 0xff ? 1 : 2) : 2 + view.getUint16(at + 2);
  }
}

/** FocalLengthIn35mmFilm of the TIFF structure at `start`; null when absent, zero or damaged. */
function exifFocal(view: DataView, start: number): number | null {
  try {
    const little = view.getUint16(start) === 0x4949;
    const tags = (directory: number): Map<number, number> => {
      const found = new Map<number, number>();
      for (let i = 0; i < view.getUint16(start + directory, little); i++) {
        const entry = start + directory + 2 + 12 * i;
        const [kind, count] = [view.getUint16(entry + 2, little), view.getUint32(entry + 4, little)];
        if (count !== 1 || (kind !== 3 && kind !== 4)) continue; // SHORT, LONG
        found.set(
          view.getUint16(entry, little),
          kind === 3 ? view.getUint16(entry + 8, little) : view.getUint32(entry + 8, little),
        );
      }
      return found;
    };
    const exif = tags(view.getUint32(start + 4, little)).get(EXIF_IFD);
    return (exif === undefined ? 0 : (tags(exif).get(FOCAL_LENGTH_35MM) ?? 0)) || null;
  } catch {
    return null; // a damaged EXIF block is no reason to refuse the image
  }
}

/** The first chunk's size fields (RFC 9649, sections 2.4 to 2.7). */
function webpSize(view: DataView, kind: string): [number, number] {
  const uint24 = (at: number) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
  if (kind === "VP8X") return [1 + uint24(24), 1 + uint24(27)];
  if (kind === "VP8L") {
    const bits = view.getUint32(21, true);
    return [1 + (bits & 0x3fff), 1 + ((bits >> 14) & 0x3fff)];
  }
  return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
}
