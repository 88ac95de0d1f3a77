// The image with the skeleton drawn in: hourlift.view.overlay on a canvas.
import type { Point, Size } from "../geometry/crop";
import type { Pose } from "../predict/predictor";
import { BONES, COLOURS, OUTLINE, weight } from "./style";

export class ImageView {
  private readonly context: CanvasRenderingContext2D;
  private bitmap: ImageBitmap | null = null;
  private wh: Size = [1, 1];
  private people: Pose[] = [];

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.context = canvas.getContext("2d")!;
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  /** Show people over a bitmap of an image of `wh` pixels; null leaves what lies below the canvas to be seen. */
  show(bitmap: ImageBitmap | null, wh: Size, people: Pose[]): void {
    if (bitmap !== this.bitmap) this.bitmap?.close();
    Object.assign(this, { bitmap, wh, people });
    this.draw();
  }

  /** Keep the image, change who is drawn in. */
  showPeople(people: Pose[]): void {
    this.people = people;
    this.draw();
  }

  private draw(): void {
    const ratio = window.devicePixelRatio || 1,
      box = this.canvas.getBoundingClientRect(),
      pen = this.context;
    const [width, height] = [box.width, box.height].map((size) => Math.max(Math.round(size * ratio), 1)) as Size;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const scale = Math.min(width / this.wh[0], height / this.wh[1]);
    pen.setTransform(scale, 0, 0, scale, (width - scale * this.wh[0]) / 2, (height - scale * this.wh[1]) / 2);
    pen.clearRect(-width / scale, -height / scale, (3 * width) / scale, (3 * height) / scale);
    if (this.bitmap !== null) pen.drawImage(this.bitmap, 0, 0, ...this.wh);
    pen.translate(0.5, 0.5); // the canvas counts from a pixel's corner, joints from its centre
    for (const pose of this.people) this.drawPerson(pose);
  }

  private drawPerson(pose: Pose): void {
    const pen = this.context,
      joints = pose.joints_2d_px;
    const known = joints.filter((p) => p.every(Number.isFinite));
    const extent = Math.hypot(...[0, 1].map((axis) => range(known.map((p) => p[axis]!))));
    const radius = Math.max(0.009 * extent, 0.9),
      rim = Math.max(0.35 * radius, 0.7);
    const depth = ([parent, child]: readonly [number, number, unknown]) =>
      pose.joints_3d_mm[parent]![2]! + pose.joints_3d_mm[child]![2]! || 0;
    pen.lineCap = "round";
    for (const bone of [...BONES].sort((a, b) => depth(b) - depth(a))) {
      const [parent, child, side] = bone;
      const strength = Math.min(weight(pose.confidence[parent]!), weight(pose.confidence[child]!));
      if (strength === 0 || ![...joints[parent]!, ...joints[child]!].every(Number.isFinite)) continue;
      const thin = radius * (0.5 + 0.5 * strength);
      pen.globalAlpha = strength;
      this.line(joints[parent]!, joints[child]!, 2 * (thin + rim), OUTLINE);
      this.line(joints[parent]!, joints[child]!, 2 * thin, COLOURS[side]);
    }
    pen.globalAlpha = 1;
  }

  private line(a: Point, b: Point, width: number, rgb: number[]): void {
    const pen = this.context;
    pen.lineWidth = width;
    pen.strokeStyle = `rgb(${rgb.join()})`;
    pen.beginPath();
    pen.moveTo(a[0]!, a[1]!);
    pen.lineTo(b[0]!, b[1]!);
    pen.stroke();
  }
}

const range = (values: number[]): number => (values.length ? Math.max(...values) - Math.min(...values) : 0);
