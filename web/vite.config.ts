import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { defaultClientConditions, defineConfig, type Plugin } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Write sw.js with the list of all built files but ONNX Runtime's, of which the page needs one of two. */
function serviceWorker(): Plugin {
  return {
    name: "service-worker",
    generateBundle(_, bundle) {
      const files = Object.keys(bundle)
        .filter((name) => !/ort-wasm|\.html$/.test(name))
        .sort();
      const contents = Object.values(bundle)
        .map((item) => ("code" in item ? item.code : item.source))
        .map(String);
      const build = createHash("sha256").update(contents.sort().join("\n")).digest("hex").slice(0, 12);
      const source = readFileSync(here("src/sw.js"), "utf8")
        .replace("/* files */ []", JSON.stringify([...files, "icon.svg", "app.webmanifest"].map((name) => `./${name}`)))
        .replace("/* build */", build);
      this.emitFile({ type: "asset", fileName: "sw.js", source });
    },
  };
}

/** Write licences.txt: what is built in, by whom and under which terms. */
function licences(): Plugin {
  return {
    name: "licences",
    generateBundle() {
      const own = JSON.parse(readFileSync(here("package.json"), "utf8"));
      const parts = Object.keys(own.dependencies).map((name) => {
        const folder = here(`node_modules/${name}`);
        const { version, license, homepage, repository } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
        const text = existsSync(`${folder}/LICENSE`) ? `\n${readFileSync(`${folder}/LICENSE`, "utf8")}` : "";
        return `${name} ${version}, ${license}, source: ${repository?.url ?? homepage}\n${text}`;
      });
      this.emitFile({ type: "asset", fileName: "licences.txt", source: parts.join(`\n${"-".repeat(80)}\n\n`) });
    },
  };
}

export default defineConfig({
  base: "./",
  resolve: { conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions] },
  worker: { format: "es" },
  plugins: [licences(), serviceWorker()],
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
