// From now on the pages answer without a network, too: the service worker keeps this page, the first one,
// the search, and `files`, addresses of what the page does not see being loaded. Where a browser has no
// service workers, they do not, and nothing else changes.
export async function keepPages(files) {
  const root = new URL("..", import.meta.url); // this file is in assets/
  const others = ["./", "search.json", "assets/vendor/minisearch/index.js"];
  try {
    await navigator.serviceWorker.register(new URL("service-worker.js", root));
    const { active } = await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
    active.postMessage({
      keep: [location.href, ...others.map((name) => new URL(name, root).href), ...loaded, ...files],
    });
  } catch {
    // no https, no support, or a site without the file
  }
}
