// What the widgets of the chapters share: a frame with a title, a text field, and "Run here". A widget
// shows a recorded or computed figure first; the model is asked only after the reader has started it.

import { element, memory } from "../dom.js";
import { say, strings } from "../strings.js";
import { engineNow, LONGEST, startEngine, withEngine } from "./live_run.js";
import { runHere } from "./run_here.js";

const STYLE = new URL("widgets.css", import.meta.url).href;
const typed = memory("typed");

let styled;
/** The widgets' style sheet, once for the page. What is drawn on a canvas needs its colours. */
function styles() {
  styled ??= new Promise(resolve => {
    const link = element("link");
    Object.assign(link, { rel: "stylesheet", href: STYLE, onload: resolve, onerror: resolve });
    document.head.append(link);
  });
  return styled;
}

/** An empty widget in its place. */
export async function frame(place, title) {
  await styles();
  const box = element("section", "widget");
  box.setAttribute("aria-label", title);
  box.append(element("h4", "", title));
  place.append(box);
  return box;
}

/** A text field with "Run here". What is typed is kept in this browser, with or without the model.
 * @param name of the widget; @param text the recorded one
 * @param read called with (engine, tokens, text) for each text; what it throws is said
 * @returns { said } says a sentence below the field */
export function textField(box, { name, text, read, longest = LONGEST }) {
  const field = element("textarea"), status = element("p", "note"), progress = element("progress");
  const run = element("button", "call"), again = element("button", "", strings.widgets.read);
  run.type = again.type = "button";
  field.rows = 2;
  field.maxLength = 4000;
  field.spellcheck = false;
  field.value = typed.get(name) ?? text;
  progress.hidden = true;
  progress.setAttribute("aria-label", strings.widgets.progress);
  status.setAttribute("role", "status");
  box.append(
    element("label", "typed", strings.widgets.text, field),
    element("div", "row", again, run, progress), status);
  const said = words => {
    status.textContent = words;
  };
  const now = async () => {
    const engine = engineNow();
    if (!engine) return said(field.value === text ? "" : strings.landing.needsModel);
    try {
      const tokens = await engine.encode(field.value);
      if (!tokens.length) return said(strings.landing.empty);
      if (tokens.length > longest) {
        return said(say(strings.landing.longer, { tokens: tokens.length, longest }));
      }
      said("");
      await read(engine, tokens, field.value);
    } catch (error) {
      if (error.name !== "AbortError") said(error.message);
    }
  };
  field.oninput = () => typed.set(name, field.value);
  field.onkeydown = event => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    now();
  };
  again.onclick = now;
  said(say(strings.widgets.recorded, { text }));
  runHere({ button: run, progress, status, start: startEngine });
  withEngine(now);
  return { said };
}
