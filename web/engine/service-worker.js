// Keeps what the site's pages load, so that they answer without a network. It lies at the top of the
// site. The model and Python are kept apart from it: see engine/download.js.
const CACHE = `llmlib-site ${self.registration.scope}`;
const APART = ["weights/", "python/"];

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// What a page loaded before there was a service worker.
self.addEventListener("message", (event) => {
  event.waitUntil(Promise.allSettled((event.data.keep ?? []).filter(ours).map(fromNetwork)));
});

self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && ours(event.request.url)) event.respondWith(answer(event.request));
});

function ours(url) {
  const { scope } = self.registration;
  return url.startsWith(scope) && !APART.some((folder) => url.startsWith(scope + folder));
}

/** The network comes first, so that nobody reads an old page; what was kept is for when there is none. */
async function answer(request) {
  try {
    return await fromNetwork(request);
  } catch (error) {
    const kept = await (await caches.open(CACHE)).match(name(request), { ignoreSearch: true, ignoreVary: true });
    if (kept) return kept;
    throw error;
  }
}

async function fromNetwork(request) {
  const response = await fetch(request);
  if (response.ok && !response.redirected) await (await caches.open(CACHE)).put(name(request), response.clone());
  return response;
}

/** The first page has two addresses, "" and "index.html", and is kept once. */
function name(request) {
  return new Request((request.url ?? request).replace(/\/index\.html(?=$|[?#])/, "/"));
}
