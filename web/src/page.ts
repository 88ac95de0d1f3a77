// The page's parts by name, and the words on them.
import type { Size } from "./geometry/crop";

export const find = <T extends HTMLElement = HTMLElement>(id: string) => document.getElementById(id) as T;

/** The panels' shares of the page go by the image's shape. */
export function layout([width, height]: Size, still: boolean): void {
  const aspect = width / height;
  document.body.className = `${aspect > 1.2 ? "wide" : aspect < 0.85 ? "tall" : "square"}${still ? " still" : ""}`;
}

export function notice(words: string): void {
  find("notice").textContent = words;
  find("notice").hidden = words === "";
}

export function speed(words: string): void {
  find("engine").textContent = [find("engine").dataset.name, words].filter(Boolean).join(" · ");
}

/** Share done, 0 to 1; -1: unknown; null: nothing is being done. */
export function progress(share: number | null, label = ""): void {
  const bar = find<HTMLProgressElement>("progress");
  bar.hidden = share === null;
  if (share === null) return;
  if (share < 0) bar.removeAttribute("value");
  else bar.value = share;
  bar.setAttribute("aria-label", label);
  bar.title = label;
}

export function enableSources(on: boolean): void {
  for (const id of ["open", "webcam", "example"]) find<HTMLButtonElement>(id).disabled = !on;
}

export function chosenFov(): number | null {
  const degrees = find<HTMLInputElement>("fov").valueAsNumber;
  return degrees > 0 && degrees < 180 ? degrees : null;
}
