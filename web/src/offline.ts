// The service worker that keeps the page for use without a network.

const PATIENCE_MS = 4000;

/** Once this is done, what the page loads is kept; without service workers it goes on all the same. */
export async function keepForOffline(): Promise<void> {
  if (!("serviceWorker" in navigator) || navigator.serviceWorker.controller !== null) return;
  const claimed = new Promise<void>((done) =>
    navigator.serviceWorker.addEventListener("controllerchange", () => done(), { once: true }),
  );
  try {
    await navigator.serviceWorker.register("./sw.js");
    await Promise.race([claimed, new Promise((done) => setTimeout(done, PATIENCE_MS))]);
  } catch (error) {
    console.info(`the page cannot be kept for use without a network (${error})`);
  }
}
