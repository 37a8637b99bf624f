// How tokens and numbers are written.

import { element } from "../../dom.js";
import { say, strings } from "../strings.js";

const UTF8 = new TextDecoder("utf-8", { fatal: true });
const nbsp = "\u00a0";

/** The text of a token as it is shown: a space as ·, a line end as ⏎, a part of a character as its
 * bytes in hex. `token` is { text, bytes } or a text. */
export function shown(token) {
  const { text, bytes } = typeof token === "string" ? { text: token } : token;
  if (bytes) {
    try {
      UTF8.decode(new Uint8Array(bytes));
    } catch {
      return `‹${bytes.map(each => each.toString(16).padStart(2, "0")).join(nbsp)}›`;
    }
  }
  return text.replaceAll(" ", "·").replaceAll("\n", "⏎").replaceAll("\t", "⇥");
}

/** Whether a token is a part of a character, which has no text of its own. */
export function isPart(token) {
  return shown(token).startsWith("‹") && shown(token) !== token.text;
}

/** The text of tokens in a row: characters whose parts are several tokens are whole there. */
export function joined(tokens) {
  const utf8 = new TextEncoder();
  const bytes = tokens.flatMap(({ text, bytes: its }) => its ?? [...utf8.encode(text)]);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array(bytes)).replace(/\ufffd$/, "");
}

/** A line for tokens that are parts of characters; none where there are none. */
export function aboutParts(tokens) {
  const part = tokens.find(isPart);
  return part ? [element("p", "note", say(strings.pictures.part, { part: shown(part) }))] : [];
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
