// Hands a clip's poses to the reader as a file.
import { toBvh } from "./bvh";
import { toCsv } from "./csv";
import { tracks, type Document } from "./document";
import { toGlb } from "./gltf";
import { toJson } from "./json";

const TYPES = { json: "application/json", csv: "text/csv", bvh: "text/plain", glb: "model/gltf-binary" };
export type Format = keyof typeof TYPES;

/** A file's name and content; BVH is the first person's.
 *
 * @throws Error when there are no people in the document, and the format needs at least one.
 */
export function makeFile(document: Document, format: Format): { name: string; blob: Blob } {
  const name = `${document.source.replace(/\.[^.]*$/, "")}.${format}`;
  const [track] = tracks(document).values();
  const parts = {
    json: () => toJson(document),
    csv: () => toCsv(document),
    bvh: () => toBvh(document, someone(track)),
    glb: () => (someone(track), toGlb(document)),
  };
  return { name, blob: new Blob([parts[format]()], { type: TYPES[format] }) };
}

function someone<T>(track: T | undefined): T {
  if (track === undefined) throw new Error("no person was found, so there is no skeleton to write");
  return track;
}

export function save({ name, blob }: { name: string; blob: Blob }): void {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
