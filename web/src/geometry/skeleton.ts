// Human3.6M-17, in the order of hourlift.geometry.skeleton. Left and right are the subject's own.

const PARENT_OF: Record<string, string | null> = {
  pelvis: null,
  r_hip: "pelvis",
  r_knee: "r_hip",
  r_ankle: "r_knee",
  l_hip: "pelvis",
  l_knee: "l_hip",
  l_ankle: "l_knee",
  spine: "pelvis",
  thorax: "spine",
  nose: "thorax",
  head: "nose",
  l_shoulder: "thorax",
  l_elbow: "l_shoulder",
  l_wrist: "l_elbow",
  r_shoulder: "thorax",
  r_elbow: "r_shoulder",
  r_wrist: "r_elbow",
};

export const JOINTS = Object.keys(PARENT_OF);
export const PARENTS = Object.values(PARENT_OF).map((parent) => (parent === null ? -1 : JOINTS.indexOf(parent)));
export const ROOT = 0;

/** Index of a joint by name; an unknown name is a programming mistake. */
export function joint(name: string): number {
  const index = JOINTS.indexOf(name);
  if (index < 0) throw new Error(`h36m17 has no joint ${name}`);
  return index;
}

/** For each joint the index of the one on the other side; itself where there is none. */
export const FLIP = JOINTS.map((name) => {
  const other = { l_: "r_", r_: "l_" }[name.slice(0, 2)];
  return other === undefined ? joint(name) : joint(other + name.slice(2));
});

/** Index pairs of left and right joints. */
export const PAIRS = FLIP.map((other, joint): [number, number] => [joint, other]).filter(([a, b]) => a < b);

export type Side = "left" | "right" | "centre";

/** The subject's side that a joint belongs to. */
export const sideOf = (name: string): Side =>
  name.startsWith("l_") ? "left" : name.startsWith("r_") ? "right" : "centre";
