// The keyboard.
import { find } from "./page";
import type { Player } from "./view/player";
import type { SceneView } from "./view/scene";

/** Keys of the whole page; a focused control keeps its own. */
export function listenToKeys(player: Player, scene: SceneView | null, isLive: () => boolean): void {
  window.addEventListener("keydown", (event) => {
    const { key, shiftKey } = event,
      target = event.target as HTMLElement;
    if (
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      /^(SELECT|SUMMARY)$/.test(target.tagName) ||
      (target as HTMLInputElement).type === "number"
    )
      return;
    const step = (frames: number) => () => (player.setPlaying(false), player.seek(player.index + frames));
    const turns: Record<string, [number, number]> = {
      ArrowLeft: [-0.12, 0],
      ArrowRight: [0.12, 0],
      ArrowUp: [0, 0.08],
      ArrowDown: [0, -0.08],
    };
    const keys: Record<string, (() => void) | undefined> = {
      "+": () => scene?.zoom(1.15),
      "=": () => scene?.zoom(1.15),
      "-": () => scene?.zoom(1 / 1.15),
      r: () => scene?.look("reset"),
      "1": () => scene?.look("camera"),
      "2": () => scene?.look("side"),
      "3": () => scene?.look("top"),
      t: () => find("spin").click(),
      o: () => find("open").click(),
    };
    const playable = player.frames.length > 1 && !isLive();
    if (playable) {
      Object.assign(keys, {
        " ": () => player.setPlaying(!player.playing),
        ArrowLeft: step(-1),
        ArrowRight: step(1),
        Home: step(-player.frames.length),
        End: step(player.frames.length),
      });
    }
    const turn = turns[key];
    if (turn !== undefined && (shiftKey || (!playable && target.id === "view"))) keys[key] = () => scene?.turn(...turn);
    const act = keys[key.length > 1 ? key : key.toLowerCase()];
    if (act === undefined || (key === " " && target.tagName === "BUTTON")) return;
    event.preventDefault();
    act();
  });
}
