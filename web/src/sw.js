// Keeps the page for use without a network. vite.config.ts puts in the list of built files, so that a new build is a
// new worker with a cache of its own.
const FILES = /* files */ [];
const CACHE = "hourlift-/* build */";

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(["./", ...FILES])));
});

self.addEventListener("activate", (event) => {
  const stale = async () => {
    for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(stale());
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  event.respondWith(answer(event.request, /\/(assets|models)\//.test(url.pathname)));
});

/** What is named after its content comes from the cache; the rest from the server while there is one. */
async function answer(request, lasting) {
  const cache = await caches.open(CACHE);
  const kept = () => cache.match(request, { ignoreSearch: true, ignoreVary: true });
  const found = lasting ? await kept() : undefined;
  if (found !== undefined) return found;
  try {
    const response = await fetch(request);
    if (response.status === 200) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const last = await kept();
    if (last !== undefined) return last;
    throw error;
  }
}
