// How tokens and numbers are written.

import { element } from "../../dom.js";

const UTF8 = new TextDecoder("utf-8", { fatal: true });
const nbsp = "\u00a0";

/** Whether a token ends within a character. */
export function isPart({ bytes }) {
  if (!bytes) return false;
  try {
    UTF8.decode(new Uint8Array(bytes));
    return false;
  } catch {
    return true;
  }
}

/** The text of a token as it is shown: a space as ·, a line end as ⏎, a part of a character as its
 * bytes in hex. `token` is { text, bytes } or a text. */
export function shown(token) {
  if (isPart(token)) {
    return `‹${token.bytes.map(each => each.toString(16).padStart(2, "0")).join(nbsp)}›`;
  }
  const text = token.text ?? token;
  return text.replaceAll(" ", "·").replaceAll("\n", "⏎").replaceAll("\t", "⇥");
}

/** A token in a box; `i` chooses one of three grounds, so that neighbours differ. */
export function chip(token, i, className = "") {
  const made = element("span", `chip tint-${i % 3} ${className}`.trim());
  const text = shown(token);
  const blank = text.length - text.replace(/^·+/, "").length;
  if (blank && blank < text.length) made.append(element("i", "", text.slice(0, blank)), text.slice(blank));
  else made.append(text);
  return made;
}

/** 0.279 -> "28 %", 0.0213 -> "2.1 %" */
export function percent(p) {
  if (p > 0 && p < 0.001) return `<0.1${nbsp}%`;
  const digits = p < 0.0995 && p > 0 ? 1 : 0;
  return `${(100 * p).toFixed(digits)}${nbsp}%`;
}

/** 49152 -> "49,152" */
export function thousands(n) {
  return Math.round(n).toLocaleString("en");
}
