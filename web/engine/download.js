// What is too large to be loaded with a page (the model; Python): downloaded in parts, each checked, kept
// in the browser until they are removed. A part that has arrived stays, so that a lost connection costs one
// part at most.
import { say, strings } from "../strings.js";

const WAITS = [1000, 3000]; // ms before another try
const cacheName = (url) => `llmlib-weights ${url}`;
const megabytes = (bytes) => Math.round(bytes / 1e6);

/** The bytes of the parts in order, from the browser's storage or from the network.
 * @param {string} url of manifest.json: { size, parts: [{ name, size, sha256 }] }
 * @param {string} what they are, for the sentences that a reader sees: "the model"
 * @param onProgress called with { loaded, total } in bytes
 * @throws Error with one sentence: what went wrong, and what to do */
export async function* download(url, what, onProgress = () => {}) {
  const storage = await openStorage(url);
  const manifest = await readManifest(url, what, storage);
  const kept = new Set((await storage?.keys())?.map((request) => request.url));
  const address = (part) => new URL(part.name, url).href;
  const wanted = new Set([url, ...manifest.parts.map(address)]);
  for (const old of kept) if (!wanted.has(old)) await storage.delete(old); // of another release
  const missing = manifest.parts.filter((part) => !kept.has(address(part)));
  await checkRoom(missing, what, storage);
  let loaded = 0;
  for (const [i, part] of manifest.parts.entries()) {
    const told = (bytes) => onProgress({ loaded: loaded + bytes, total: manifest.size });
    let bytes = kept.has(address(part)) ? await keptPart(address(part), part, storage) : null;
    if (!bytes) {
      const where = { what, number: i + 1, count: manifest.parts.length };
      bytes = await downloadPart(address(part), part, where, told, () => stopped(loaded, manifest.size, storage));
      await keep(storage, address(part), bytes, () => noRoom(what, manifest.size));
    }
    told(part.size);
    loaded += part.size;
    yield bytes;
  }
}

/** Whether all parts are in the browser's storage. */
export async function isKept(url) {
  const storage = await openStorage(url);
  if (!storage) return false;
  const kept = new Set((await storage.keys()).map((request) => request.url));
  if (!kept.has(url)) return false;
  const manifest = await (await storage.match(url)).json();
  return manifest.parts.every((part) => kept.has(new URL(part.name, url).href));
}

/** Remove the weights from the browser's storage. Returns whether there were any. */
export async function remove(url) {
  try {
    return await caches.delete(cacheName(url));
  } catch {
    return false; // a browser that keeps nothing
  }
}

/** null where the browser keeps nothing: on a page that is not https, or in a private window. */
async function openStorage(url) {
  try {
    return await caches.open(cacheName(url));
  } catch {
    return null;
  }
}

/** The manifest as the server has it; without a connection, the one that was kept. */
async function readManifest(url, what, storage) {
  let response = null;
  try {
    response = await fetch(url, { cache: "no-store" });
  } catch {
    response = await storage?.match(url);
    if (!response) throw new Error(say(strings.download.noConnection, { what }));
    return response.json();
  }
  if (!response.ok) {
    throw new Error(say(strings.download.lacking, { what, status: response.status, name: url }));
  }
  const text = await response.text();
  let manifest;
  try {
    manifest = JSON.parse(text);
  } catch {
    throw new Error(say(strings.download.badManifest, { what }));
  }
  await storage?.put(url, new Response(text)).catch(() => {}); // what has no room is said of the parts
  return manifest;
}

async function checkRoom(missing, what, storage) {
  const needed = missing.reduce((sum, part) => sum + part.size, 0);
  const { quota, usage } = (storage && (await navigator.storage?.estimate?.())) || {};
  if (needed && quota !== undefined && quota - usage < needed) throw noRoom(what, needed);
}

function noRoom(what, needed) {
  return new Error(say(strings.download.noRoom, { what, needed: megabytes(needed) }));
}

function stopped(loaded, total, storage) {
  const sentence = storage ? strings.download.stoppedAndKept : strings.download.stopped;
  return new Error(say(sentence, { loaded: megabytes(loaded), total: megabytes(total) }));
}

async function keptPart(url, part, storage) {
  const response = await storage.match(url);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length === part.size && (await isWhole(bytes, part))) return bytes;
  await storage.delete(url); // damaged, or of another release
  return null;
}

async function keep(storage, url, bytes, noRoom) {
  try {
    await storage?.put(url, new Response(bytes));
  } catch (error) {
    if (error.name !== "QuotaExceededError") throw error;
    throw noRoom();
  }
}

async function downloadPart(url, part, where, onProgress, lost) {
  let problem;
  for (const wait of [0, ...WAITS]) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    let bytes;
    try {
      const response = await fetch(url, { cache: "no-store" });
      if (!response.ok) {
        problem = new Error(say(strings.download.refused, { ...where, status: response.status }));
        continue;
      }
      bytes = await readBody(response, part.size, onProgress);
    } catch {
      problem = lost();
      continue;
    }
    if (bytes === null) {
      problem = new Error(say(strings.download.wrongLength, where));
    } else if (!(await isWhole(bytes, part))) {
      problem = new Error(say(strings.download.damaged, where));
    } else {
      return bytes;
    }
  }
  throw problem;
}

/** The body in one piece; null if it is shorter or longer than `size`. */
async function readBody(response, size, onProgress) {
  const bytes = new Uint8Array(size), reader = response.body.getReader();
  let at = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return at === size ? bytes : null;
    if (at + value.length > size) {
      await reader.cancel();
      return null;
    }
    bytes.set(value, at);
    onProgress(at += value.length);
  }
}

/** Whether the checksum is right. Without https the browser computes none; the length must do. */
async function isWhole(bytes, part) {
  if (!crypto.subtle) return true;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hexadecimal = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hexadecimal === part.sha256;
}
