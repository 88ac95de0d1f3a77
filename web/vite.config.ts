import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { defaultClientConditions, defineConfig, type Plugin } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Write sw.js with the list of all built files but ONNX Runtime's, of which the page needs one of two. */
function serviceWorker(): Plugin {
  return {
    name: "service-worker",
    generateBundle(_, bundle) {
      const files = Object.keys(bundle).filter((name) => !/ort-wasm|\.html$/.test(name)).sort();
      const contents = Object.values(bundle).map((item) => ("code" in item ? item.code : item.source)).map(String);
      const build = createHash("sha256").update(contents.sort().join("\n")).digest("hex").slice(0, 12);
      const source = readFileSync(here("src/sw.js"), "utf8")
        .replace("/* files */ []", JSON.stringify([...files, "icon.svg", "app.webmanifest"].map((name) => `./${name}`)))
        .replace("/* build */", build);
      this.emitFile({ type: "asset", fileName: "sw.js", source });
    },
  };
}

export default defineConfig({
  base: "./",
  resolve: { conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions] },
  worker: { format: "es" },
  plugins: [serviceWorker()],
  build: {
    target: "es2022",
    outDir: here("../src/hourlift/web"),
    emptyOutDir: true,
    assetsInlineLimit: 0, // the content security policy knows no data: scripts
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  test: { environment: "node", include: ["tests/**/*.test.ts"] },
} as Parameters<typeof defineConfig>[0]);
