// The 3D view, by three.js. World: millimetres, x right, y UP, z towards the camera that took the image.
import {
  AmbientLight,
  BackSide,
  Color,
  CylinderGeometry,
  DirectionalLight,
  GridHelper,
  Group,
  Mesh,
  MeshBasicMaterial,
  MeshStandardMaterial,
  PCFShadowMap,
  PerspectiveCamera,
  PlaneGeometry,
  Quaternion,
  Scene,
  ShadowMaterial,
  SphereGeometry,
  Spherical,
  Vector3,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";

import type { Point } from "../geometry/crop";
import { JOINTS, joint } from "../geometry/skeleton";
import type { Frame, Pose } from "../predict/predictor";
import { BONES, COLOURS, OUTLINE, weight } from "./style";

const HOME = { yaw: -0.55, pitch: 0.22 };
const VIEWS: Record<string, { yaw: number; pitch: number }> = {
  reset: HOME,
  camera: { yaw: 0, pitch: 0.001 },
  side: { yaw: -Math.PI / 2, pitch: 0.05 },
  top: { yaw: 0, pitch: 1.55 },
};
const TARGET_HEIGHT = 860,
  DISTANCE = 3900;
const SOLE = 70; // an ankle's height over the ground
const LIMB_RADIUS = 27,
  JOINT_RADIUS = 33,
  HEAD_RADIUS = 92;
const RIM = 5; // of the dark outline, so that pale limbs stand out from a pale ground
const SETTLE = 2; // frames to each side over which the height over the ground is averaged

export class SceneView {
  private readonly renderer: WebGLRenderer;
  private readonly scene = new Scene();
  private readonly camera = new PerspectiveCamera(34, 1, 50, 40000);
  private readonly controls: OrbitControls;
  private readonly grid = new Group();
  private readonly body = new Body();
  private waiting = false;

  /** @throws Error when the browser has no WebGL. */
  constructor(private readonly canvas: HTMLCanvasElement) {
    this.renderer = new WebGLRenderer({ canvas, antialias: true, alpha: true });
    this.renderer.shadowMap.enabled = true;
    this.renderer.shadowMap.type = PCFShadowMap;
    const sun = new DirectionalLight(0xffffff, 2.4);
    sun.position.set(-1800, 4200, 2600);
    sun.castShadow = true;
    sun.shadow.mapSize.set(1024, 1024);
    Object.assign(sun.shadow.camera, { left: -2000, right: 2000, top: 2000, bottom: -2000, near: 100, far: 9000 });
    const floor = new Mesh(new PlaneGeometry(12000, 12000), new ShadowMaterial({ opacity: 0.18 }));
    floor.rotation.x = -Math.PI / 2;
    floor.receiveShadow = true;
    this.scene.add(new AmbientLight(0xffffff, 1.5), sun, floor, this.grid, this.body);
    this.controls = new OrbitControls(this.camera, canvas);
    Object.assign(this.controls, { minDistance: 800, maxDistance: 15000, maxPolarAngle: 2.2, autoRotateSpeed: -4 });
    this.controls.addEventListener("change", () => this.request());
    new ResizeObserver(() => this.resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paintGrid());
    this.paintGrid();
    this.look("reset");
    this.resize();
  }

  /** Show the first person of a frame, the feet on the ground; without a person the body is hidden. */
  show(frames: Frame[], index: number): void {
    const pose = frames[index]?.people[0];
    this.body.visible = pose !== undefined;
    if (pose !== undefined) this.body.pose(pose, liftOf(frames, index, pose.person_id));
    this.request();
  }

  look(name: string): void {
    const { yaw, pitch } = VIEWS[name] ?? HOME;
    this.controls.target.set(0, TARGET_HEIGHT, 0);
    this.place(new Spherical(DISTANCE, Math.PI / 2 - pitch, yaw));
  }

  turn(yaw: number, pitch: number): void {
    const at = this.spherical();
    at.theta += yaw;
    at.phi = Math.min(Math.max(at.phi - pitch, 0.02), 2.2);
    this.place(at);
  }

  zoom(factor: number): void {
    const at = this.spherical();
    at.radius = Math.min(Math.max(at.radius / factor, 800), 15000);
    this.place(at);
  }

  spin(on: boolean): void {
    this.controls.autoRotate = on;
    this.request();
  }

  /** Where the eye stands around its target, for tests and for whoever asks. */
  spherical(): Spherical {
    return new Spherical().setFromVector3(this.camera.position.clone().sub(this.controls.target));
  }

  /** World places of the joints as shown; null where unknown. */
  joints(): (Vector3 | null)[] {
    return this.body.places;
  }

  private place(at: Spherical): void {
    this.camera.position.setFromSpherical(at).add(this.controls.target);
    this.controls.update();
    this.request();
  }

  private request(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      if (this.controls.autoRotate) {
        this.controls.update();
        this.request();
      }
      this.renderer.render(this.scene, this.camera);
    });
  }

  private resize(): void {
    const { width, height } = this.canvas.getBoundingClientRect();
    if (width < 1 || height < 1) return;
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio || 1, 2));
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    // The person must fit across a narrow canvas, too.
    this.camera.fov = (2 * Math.atan(0.3 * Math.max(1, 0.85 / this.camera.aspect)) * 180) / Math.PI;
    this.camera.updateProjectionMatrix();
    this.request();
  }

  private paintGrid(): void {
    const colour = new Color(getComputedStyle(document.documentElement).getPropertyValue("--grid").trim());
    const lines = new GridHelper(6000, 12, colour, colour);
    this.grid.clear();
    this.grid.add(lines);
    Object.assign(lines.material, { transparent: true, opacity: 0.55 });
    this.request();
  }
}

/** How far a person is lifted so that the lowest joint stands on the ground, averaged over neighbouring frames. */
function liftOf(frames: Frame[], index: number, id: number): number {
  const lows = frames
    .slice(Math.max(index - SETTLE, 0), index + SETTLE + 1)
    .flatMap(({ people }) => people.filter((pose) => pose.person_id === id))
    .map((pose) => Math.min(...pose.joints_3d_mm.map((p) => -p[1]!).filter(Number.isFinite)))
    .filter(Number.isFinite);
  return lows.length ? SOLE - lows.reduce((sum, low) => sum + low, 0) / lows.length : 0;
}

/** One person: a cylinder a bone, a ball a joint, a larger one for the head. */
class Body extends Group {
  places: (Vector3 | null)[] = [];
  private readonly bones = BONES.filter(([, child]) => JOINTS[child] !== "head").map(([parent, child, side]) => ({
    parent,
    child,
    mesh: part(new CylinderGeometry(1, 1, 1, 20), COLOURS[side], LIMB_RADIUS),
  }));
  private readonly balls = JOINTS.map((name, j) => {
    const side = BONES.find(([, child]) => child === j)?.[2] ?? "centre";
    const radius = name === "head" ? HEAD_RADIUS : JOINT_RADIUS;
    return part(new SphereGeometry(radius, 28, 20), COLOURS[side], radius);
  });

  constructor() {
    super();
    this.add(...this.bones.map(({ mesh }) => mesh), ...this.balls);
    this.visible = false;
  }

  pose(pose: Pose, lift: number): void {
    const world = ([x, y, z]: Point) => (Number.isFinite(x! + y! + z!) ? new Vector3(x, lift - y!, -z!) : null);
    this.places = pose.joints_3d_mm.map(world);
    const strength = pose.confidence.map((value) => 0.25 + 0.75 * weight(value));
    for (const { parent, child, mesh } of this.bones) {
      const [a, b] = [this.places[parent], this.places[child]];
      mesh.visible = !!a && !!b;
      if (!a || !b) continue;
      const along = b.clone().sub(a),
        length = along.length();
      mesh.position.copy(a).addScaledVector(along, 0.5);
      mesh.quaternion.copy(new Quaternion().setFromUnitVectors(new Vector3(0, 1, 0), along.normalize()));
      mesh.scale.set(LIMB_RADIUS, Math.max(length, 1), LIMB_RADIUS);
      mesh.material.opacity = Math.min(strength[parent]!, strength[child]!);
    }
    this.balls.forEach((ball, j) => {
      const at = JOINTS[j] === "head" ? middle(this.places[j], this.places[joint("nose")]) : this.places[j];
      ball.visible = !!at;
      if (at) ball.position.copy(at);
      ball.material.opacity = strength[j]!;
    });
  }
}

const middle = (a?: Vector3 | null, b?: Vector3 | null): Vector3 | null =>
  a && b ? a.clone().add(b).multiplyScalar(0.5) : null;

function part(
  geometry: CylinderGeometry | SphereGeometry,
  rgb: number[],
  radius: number,
): Mesh<typeof geometry, MeshStandardMaterial> {
  const material = new MeshStandardMaterial({
    color: new Color(`rgb(${rgb.join()})`),
    roughness: 0.55,
    transparent: true,
  });
  const mesh = new Mesh(geometry, material);
  mesh.castShadow = true;
  const rim = new Mesh(geometry, new MeshBasicMaterial({ color: new Color(`rgb(${OUTLINE.join()})`), side: BackSide }));
  const wider = 1 + RIM / radius;
  rim.scale.set(wider, geometry instanceof CylinderGeometry ? 1 : wider, wider);
  mesh.add(rim);
  return mesh;
}
