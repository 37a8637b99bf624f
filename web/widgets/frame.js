// What the widgets are made of, on a page and in a notebook. A widget is a module with a `title` and
// `draw(box, source)`. It draws numbers that the source gives: the engine of the page (page.js), or the
// kernel of the notebook (notebook.js).
//
// A source is { given, ask(question, onPart) }: `given` is what the widget starts with, and `ask` a
// promise of an answer; what it throws is said in a sentence. Each module says what it asks.

import { element } from "../dom.js";
import { strings } from "./strings.js";

const PATIENCE = 2000; // ms without an answer, until that is said
const TYPING = 200; // ms without a key, until a text is read

/** A line below the controls for what could not be done. */
export function newStatus() {
  const status = element("p", "note");
  status.setAttribute("role", "status");
  return status;
}

/** Ask `question()`, and again at each call, and `draw(answer, what was asked)`. While one answer is
 * awaited only the newest question waits: a slow kernel never has a queue of them. What fails is said,
 * the picture stays. @returns a function that asks; its promise ends when the newest answer is drawn */
export function asking(source, status, question, draw) {
  let running = null, stale = false, told = "";
  const say = words => {
    if (words || (told && status.textContent === told)) status.textContent = words;
    told = words;
  };
  const run = async () => {
    do {
      stale = false;
      const late = setTimeout(() => say(strings.widgets.busy), PATIENCE);
      try {
        const asked = question();
        draw(await source.ask(asked), asked);
        say("");
      } catch (error) {
        if (error.name !== "AbortError") say(error.message);
      } finally {
        clearTimeout(late);
      }
    } while (stale);
    running = null;
  };
  return () => {
    stale = true;
    return running ??= run();
  };
}

/** A text to read, with a list of others if some are given. In a notebook it is read as one types; on a
 * page with Enter or the button, once the model is there.
 * @param changed called when there is another text @param name of the field
 * @returns { place, text: the one to ask about } */
export function textField(source, status, changed, name = strings.widgets.text) {
  const field = element("textarea"), { text, prompts = [] } = source.given;
  const made = { text, place: element("div", "", element("label", "typed", name, field)) };
  const read = () => {
    const refused = source.refuses?.(field.value) ?? (field.value ? undefined : strings.widgets.empty);
    if (refused !== undefined) {
      status.textContent = refused;
      return;
    }
    made.text = field.value;
    return changed();
  };
  Object.assign(field, { rows: 2, spellcheck: false, value: source.typed?.get() ?? text });
  let waiting;
  field.oninput = () => {
    source.typed?.set(field.value);
    if (source.offer) return;
    clearTimeout(waiting);
    waiting = setTimeout(read, TYPING);
  };
  field.onkeydown = event => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    read();
  };
  if (prompts.length > 1) {
    const list = element("select");
    list.append(...prompts.map(each => new Option(each)));
    list.onchange = () => {
      field.value = list.value;
      read();
    };
    made.place.prepend(element("label", "typed", strings.widgets.prompts, list));
  }
  if (source.offer) made.place.append(source.offer(read, status));
  return made;
}
