// The merges of a text as a tree: its bytes at the bottom, above them a bar for each merge, as wide as
// the bytes it holds. A row is a merge; the oldest is the lowest.

import { element } from "../../dom.js";
import { say, strings } from "../strings.js";
import { shown } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const COLUMN = 22, ROW = 30, BAR = 23, NAMES = 84, LARGEST = 1.5; // units of the picture: pixels, up to LARGEST where there is room

/** The tree after `step` merges. @param rows [{ tokens: [{ text, bytes }], rank }], the bytes first
 * @param step how many merges are shown @param named a merge's rank -> its name at the left */
export function mergeTree(rows, step, named) {
  const levels = mergedSpans(rows), width = NAMES + COLUMN * rows[0].tokens.length, height = ROW * rows.length;
  const picture = svg("svg", { viewBox: `0 -2 ${width} ${height}`, class: "merge-tree", role: "img" });
  Object.assign(picture.style, { minWidth: `${width}px`, maxWidth: `${LARGEST * width}px` });
  const tops = new Set(spans(rows[step].tokens).map(([start, end]) => `${start} ${end}`));
  const made = new Map(), lines = [], bars = [], told = [];
  levels.slice(0, step + 1).forEach((level, at) => {
    const y = height - ROW * (at + 1), name = at ? named(rows[at].rank) : strings.tree.bytes;
    bars.push(svg("text", { x: NAMES - 8, y: y + BAR / 2, class: "rank" }, name));
    for (const { start, end, token, parts } of level) {
      const key = `${start} ${end}`;
      for (const [from, to] of parts) {
        const x = NAMES + COLUMN * (from + to) / 2;
        lines.push(svg("line", { x1: x, x2: x, y1: y + BAR, y2: made.get(`${from} ${to}`) }));
      }
      made.set(key, y);
      const kind = [at ? "" : "byte", tops.has(key) ? "top" : "", at && at === step ? "newest" : ""].join(" ").trim();
      const bar = { x: NAMES + COLUMN * start + 1.5, y, width: COLUMN * (end - start) - 3, height: BAR, rx: 4 };
      bars.push(svg("rect", { ...bar, class: kind }), svg("text", { x: bar.x + bar.width / 2, y: y + BAR / 2, class: kind }, plain(token)));
      if (at) told.push(say(strings.tree.made, { name, token: shown(token) }));
    }
  });
  picture.append(...lines, ...bars);
  picture.setAttribute("aria-label", [...told, say(strings.tree.tokens, { tokens: rows[step].tokens.map(shown).join(", ") })].join(" "));
  return element("div", "scrolling", picture);
}

/** [[start, end, token]]: where the tokens lie in their text, from byte to byte. */
function spans(tokens) {
  let end = 0;
  return tokens.map(token => [end, end += token.bytes.length, token]);
}

/** What each row has that the one before had not: [[{ start, end, token, parts }]]. */
function mergedSpans(rows) {
  let before = [];
  return rows.map(({ tokens }) => {
    const now = spans(tokens), known = new Set(before.map(([start, end]) => `${start} ${end}`));
    const fresh = now.filter(([start, end]) => !known.has(`${start} ${end}`));
    const level = fresh.map(([start, end, token]) => ({ start, end, token, parts: before.filter(([a, b]) => start <= a && b <= end) }));
    before = now;
    return level;
  });
}

/** A token on its bar: a part of a character as its bytes in hex, without brackets. */
const plain = token => shown(token).replace(/^‹(.+)›$/, "$1");

function svg(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}
