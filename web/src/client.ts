// The page's side of the worker: requests that end with an answer, with events on the way.
import type { Answers, Event, Reply, Request } from "./messages";

interface Waiting {
  resolve: (answer: never) => void;
  reject: (error: Error) => void;
  onEvent: (event: Event) => void;
}

export class Client {
  private readonly worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;

  constructor() {
    this.worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      const request = this.waiting.get(data.id);
      if (request === undefined) return;
      if ("event" in data) return request.onEvent(data.event);
      this.waiting.delete(data.id);
      if ("error" in data) request.reject(new Error(data.error));
      else request.resolve(data.answer as never);
    };
    this.worker.onerror = (event) => {
      for (const { reject } of this.waiting.values())
        reject(new Error(event.message || "the networks' worker could not be started"));
      this.waiting.clear();
    };
  }

  /** @throws Error with a sentence for the reader. */
  ask<K extends Request["kind"]>(
    request: Extract<Request, { kind: K }>,
    onEvent: (event: Event) => void = () => {},
  ): Promise<Answers[K]> {
    const id = this.count++;
    const transfer = "bitmap" in request ? [request.bitmap] : [];
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as Waiting["resolve"], reject, onEvent });
      this.worker.postMessage({ id, request }, transfer);
    });
  }
}
