// A widget on a page: its numbers come from the page's engine. It shows a recorded figure first; the
// model is asked only after the reader has started it.

import { element, memory } from "../dom.js";
import { say, strings } from "../strings.js";
import { engineNow, startEngine, withEngine } from "./live_run.js";
import { sources } from "./page_sources.js";
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

/** Draw the widget `name` into an empty place. With `told` all its numbers are given, as JSON. */
export async function mount(place, name, told) {
  const [{ title, draw }] = await Promise.all([import(`./${name}.js`), styles()]);
  const box = element("section", "widget", element("h4", "", title)), { given, answer } = told ? { given: JSON.parse(told) } : sources[name]();
  box.setAttribute("aria-label", title);
  place.append(box);
  let reads; // the text that was typed
  await draw(box, {
    given,
    ask: (question, onPart) => answer(question, engineNow(), onPart),
    typed: { get: () => typed.get(name), set: text => typed.set(name, text) },
    refuses(text) {
      if (!engineNow()) return text === given.text ? "" : strings.landing.needsModel;
    },
    offer(read, status) {
      reads = read;
      return offer(given.text, read, status);
    },
  });
  if (reads) withEngine(reads);
}

/** "Read it" and "Run here". */
function offer(text, read, status) {
  const run = element("button", "call"), again = element("button", "", strings.widgets.read), progress = element("progress");
  run.type = again.type = "button";
  progress.hidden = true;
  progress.setAttribute("aria-label", strings.widgets.progress);
  again.onclick = read;
  status.textContent = say(strings.widgets.recorded, { text });
  runHere({ button: run, progress, status, start: startEngine });
  return element("div", "row", again, run, progress);
}
