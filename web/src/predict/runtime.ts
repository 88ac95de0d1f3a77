// The two networks in the page: fetched from our own server, their hashes checked, run by ONNX Runtime.
import type { InferenceSession, Tensor } from "onnxruntime-web";
import wasmModule from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmBinary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import webgpuModule from "onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url";
import webgpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url";

import type { CalibrationContract } from "../hourglass/confidence";
import type { DecodeMethod } from "../hourglass/heatmap";

/** One model as `hourlift serve` lists it in models.json; the contract is the metadata of the ONNX file. */
export interface ModelEntry {
  url: string;
  sha256: string;
  bytes: number;
  contract: Contract;
}

export interface Contract {
  schema: number;
  kind: "hourglass" | "lifter";
  name: string;
  joint_names: string[];
  input_size?: number;
  crop_margin?: number;
  decode?: DecodeMethod;
  confidence?: CalibrationContract;
  inputs?: string;
}

export interface Models {
  hourglass: ModelEntry;
  lifter: ModelEntry;
}

export type Engine = "webgpu" | "wasm";

/** Where the networks run, in words. */
export interface EngineInfo {
  engine: Engine;
  threads: number;
}

const MAX_THREADS = 4; // the networks are small

/** One network, ready to run. */
export class Network {
  private constructor(
    private readonly ort: typeof import("onnxruntime-web"),
    private readonly session: InferenceSession,
    readonly contract: Contract,
  ) {}

  static async load(
    ort: typeof import("onnxruntime-web"),
    entry: ModelEntry,
    engine: Engine,
    report: Report,
  ): Promise<Network> {
    const bytes = await fetchChecked(entry, report);
    const session = await ort.InferenceSession.create(bytes, {
      executionProviders: [engine],
      extra: { session: { intra_op: { allow_spinning: "0" } } }, // idle threads must not take the cores from the page
      logSeverityLevel: 3,
    });
    return new Network(ort, session, entry.contract);
  }

  /** Run a batch; the answer is the first output. */
  async run(
    type: "uint8" | "float32",
    data: Uint8Array | Float32Array,
    shape: number[],
  ): Promise<{ data: Float32Array; dims: readonly number[] }> {
    const input = new this.ort.Tensor(type, data as never, shape);
    const outputs = await this.session.run({ [this.session.inputNames[0]!]: input });
    const output: Tensor = outputs[this.session.outputNames[0]!]!;
    const answer = { data: (await output.getData()) as Float32Array, dims: output.dims };
    input.dispose();
    return answer;
  }
}

export type Report = (loadedBytes: number) => void;

/** ONNX Runtime for an engine; files of the other one are never fetched. */
export async function openRuntime(
  engine: Engine,
): Promise<{ ort: typeof import("onnxruntime-web"); info: EngineInfo }> {
  const ort = engine === "webgpu" ? await import("onnxruntime-web/jspi") : await import("onnxruntime-web/wasm");
  // A core is left to the page and the video's decoder: all threads of a network wait for the slowest.
  const cores = self.crossOriginIsolated ? navigator.hardwareConcurrency || 1 : 1;
  const threads = Math.min(Math.max(cores - 1, 1), MAX_THREADS);
  const absolute = (url: string) => new URL(url, self.location.href).href;
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths =
    engine === "webgpu"
      ? { mjs: absolute(webgpuModule), wasm: absolute(webgpuBinary) }
      : { mjs: absolute(wasmModule), wasm: absolute(wasmBinary) };
  return { ort: ort as typeof import("onnxruntime-web"), info: { engine, threads } };
}

/** Whether WebGPU can be used: an adapter, and WebAssembly that can wait for it (JSPI). */
export async function hasWebGpu(): Promise<boolean> {
  const gpu = (navigator as Navigator & { gpu?: { requestAdapter(): Promise<unknown> } }).gpu;
  if (gpu === undefined || !("Suspending" in WebAssembly)) return false;
  return (await gpu.requestAdapter().catch(() => null)) !== null;
}

/** A model's bytes.
 *
 * @throws Error when they are not those that were listed.
 */
async function fetchChecked(entry: ModelEntry, report: Report): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(entry.url);
  if (!response.ok || response.body === null) throw new Error(`${entry.contract.name}: the model could not be loaded`);
  const bytes = new Uint8Array(entry.bytes);
  let length = 0;
  for await (const chunk of chunks(response.body)) {
    if (length + chunk.length <= bytes.length) bytes.set(chunk, length);
    length += chunk.length;
    report(chunk.length);
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (length !== entry.bytes || hex !== entry.sha256) {
    throw new Error(
      `${entry.contract.name}: the model is damaged (its SHA-256 is not the one listed); reload the page`,
    );
  }
  return bytes;
}

/** A stream piece by piece; not every browser can iterate over one. */
async function* chunks(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
}
