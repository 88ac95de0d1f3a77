// Playback: which frame is shown, in step with the video if there is one.
import type { Frame } from "../predict/predictor";

export class Player {
  frames: Frame[] = [];
  index = -1;
  playing = false;
  speed = 1;
  private video: HTMLVideoElement | null = null;
  private startS = 0;
  private stepS = 1 / 25;
  private positionS = 0;
  private last = 0;
  private loads = 0;

  constructor(
    private readonly onShow: (index: number) => void,
    private readonly onPlaying: (playing: boolean) => void,
  ) {}

  /** Start anew with frames that may grow. `video` shows frame i at its time plus `startS`; null: there is none. */
  load(frames: Frame[], video: HTMLVideoElement | null, startS: number): void {
    this.setPlaying(false);
    Object.assign(this, { frames, video, startS, index: -1, positionS: 0 });
    const steps = frames
      .slice(1)
      .map((frame, i) => frame.time_s - frames[i]!.time_s)
      .sort((a, b) => a - b);
    this.stepS = steps[Math.floor(steps.length / 2)] ?? 1 / 25;
    const mine = ++this.loads;
    const follow = (_: number, { mediaTime }: { mediaTime: number }) => {
      if (mine !== this.loads || video === null) return;
      if (this.playing) this.show(this.nearest(mediaTime - startS));
      video.requestVideoFrameCallback(follow);
    };
    video?.requestVideoFrameCallback?.(follow);
    if (frames.length) this.seek(0);
  }

  get lengthS(): number {
    return (this.frames.at(-1)?.time_s ?? 0) + this.stepS;
  }

  show(index: number): void {
    if (index === this.index || this.frames[index] === undefined) return;
    this.index = index;
    this.onShow(index);
  }

  /** Go to a frame, the video too: half a frame in, so that rounding cannot land on the frame before. */
  seek(index: number): void {
    const at = Math.min(Math.max(Math.round(index), 0), this.frames.length - 1);
    this.positionS = this.frames[at]?.time_s ?? 0;
    if (this.video !== null) this.video.currentTime = this.startS + this.positionS + this.stepS / 2;
    this.show(at);
  }

  setPlaying(playing: boolean): void {
    this.playing = playing && this.frames.length > 1;
    this.last = performance.now();
    if (this.video !== null) {
      this.video.playbackRate = this.speed;
      if (this.playing) this.video.play().catch(() => this.setPlaying(false));
      else this.video.pause();
    }
    this.onPlaying(this.playing);
    if (this.playing) requestAnimationFrame((now) => this.run(now));
  }

  /** One step of playing: by the video's clock, or by our own. */
  private run(now: number): void {
    if (!this.playing) return;
    if (this.video === null) {
      this.positionS = (this.positionS + ((now - this.last) / 1000) * this.speed) % this.lengthS;
      this.show(this.before(this.positionS));
    } else if (!("requestVideoFrameCallback" in this.video))
      this.show(this.nearest((this.video as HTMLVideoElement).currentTime - this.startS));
    this.last = now;
    requestAnimationFrame((next) => this.run(next));
  }

  /** Index of the last frame that starts at or before a time. */
  private before(timeS: number): number {
    let low = 0,
      high = this.frames.length - 1;
    while (low < high) {
      const half = (low + high + 1) >> 1;
      if (this.frames[half]!.time_s <= timeS) low = half;
      else high = half - 1;
    }
    return low;
  }

  private nearest(timeS: number): number {
    const before = this.before(timeS),
      next = this.frames[before + 1];
    return next !== undefined && next.time_s - timeS < timeS - this.frames[before]!.time_s ? before + 1 : before;
  }
}
