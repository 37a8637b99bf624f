/* The exercises of a chapter: a button that opens an editor, and how far the reader is, at the exercise
 * and in the contents. The editor and Python are fetched at the first click. */

import { element, memory } from "../dom.js";
import { say, strings } from "../strings.js";
import { keyOf, parsed, stateOf, store, stored } from "./kept_answers.js";
import { ownModel } from "./own_model_card.js";

const texts = strings.exercises;
const fetched = memory("python"); // whether this browser has fetched Python before

/* One exercise. `entry` is what is kept of it (kept_answers.js), `seen` the same as the text that this
 * tab last read or wrote: if the storage holds another one, another tab has written. */
export class Exercise {
  constructor(notebook, place, all, changed) {
    const { exercise: name, edition } = place.dataset;
    Object.assign(this, { notebook, place, name, edition, all, changed, unsaved: false, editor: null });
    this.key = keyOf(notebook, name);
    this.fold = place.nextElementSibling; // the cell to fill in, to be read
    this.stub = this.fold.querySelector("pre").textContent;
    this.seen = stored(this.key);
    this.entry = parsed(this.seen);
    this.mark = element("p", "state");
    this.button = element("button", "open-editor");
    this.button.type = "button";
    this.button.onclick = () => this.open();
    this.status = element("p", "said");
    this.status.setAttribute("role", "status");
    place.append(this.mark, this.button, this.status);
    this.heading = place.parentElement.querySelector("h3");
    this.link = document.querySelector(`.sections a[href="#${CSS.escape(this.heading.id)}"]`);
    this.draw();
  }

  get code() {
    return this.entry.code ?? this.stub;
  }

  get state() {
    return stateOf(this.entry, this.edition, this.stub);
  }

  /* The unsolved exercise that comes next, after the last one from the beginning again; those that give
   * points go first. Undefined if all are solved. */
  get next() {
    const { all } = this, here = all.indexOf(this);
    const unsolved = [...all.slice(here + 1), ...all.slice(0, here)].filter(each => each.state !== "solved");
    return unsolved.find(isCore) ?? unsolved[0];
  }

  /* Keep what the entry becomes. Where another tab has written since, nothing is overwritten: false. */
  keep(change) {
    const now = stored(this.key), entry = { ...this.entry, ...change };
    if (now !== this.seen && parsed(now).code !== entry.code) return false;
    this.entry = entry;
    this.unsaved = !store(this.key, entry);
    this.seen = stored(this.key);
    this.draw();
    this.changed();
    return true;
  }

  /* Another text in the place of the one that is here, which can be brought back. */
  replace(code) {
    return this.editor ? this.editor.replace(code) : this.keep({ code, before: this.code });
  }

  /* What another tab has written, read again. */
  readAgain() {
    this.seen = stored(this.key);
    this.entry = parsed(this.seen);
    return this.entry;
  }

  /* {name: code} of the notebook's other exercises, but for the stubs and what is known to fail. */
  others() {
    const usable = this.all.filter(each => each !== this && ["written", "solved"].includes(each.state));
    return Object.fromEntries(usable.map(each => [each.name, each.code]));
  }

  /* Another tab has written: what it wrote is shown here, too, if nothing here would be lost. */
  heard(text) {
    if (text === null || this.unsaved) return;
    this.seen = text;
    this.entry = parsed(text);
    this.draw();
    this.changed();
    this.editor?.show(this.entry);
  }

  async open() {
    this.button.disabled = true;
    this.status.textContent = texts.opening;
    try {
      const { openEditor } = await import("./editor.js");
      this.status.remove();
      this.button.remove();
      this.fold.hidden = true;
      this.editor = openEditor(this);
    } catch (error) {
      console.warn(error);
      this.status.textContent = texts.notLoaded;
      this.button.disabled = false;
      this.button.focus();
    }
  }

  draw(state = this.state) {
    const once = fetched.get("once") ? "" : texts.once;
    this.mark.textContent = state ? `${texts.marks[state]} ${texts.states[state]}` : texts.states.none;
    this.mark.dataset.state = state;
    this.button.textContent = say(this.code === this.stub ? texts.write : texts.goOn, { once });
    this.link?.querySelector(".state")?.remove();
    if (!state || !this.link) return;
    const mark = element("span", "state", texts.marks[state]);
    mark.dataset.state = state;
    mark.append(element("span", "unseen", ` ${texts.states[state]}`));
    this.link.append(" ", mark);
  }
}

/* Whether an exercise gives points. */
export function isCore({ place }) {
  return !("further" in place.dataset);
}

/* How many exercises of a page are solved; only those that give points count, as on the first page's cards. */
export function solvedOfPage(all) {
  const core = all.filter(isCore);
  return { count: core.filter(each => each.state === "solved").length, of: core.length };
}

/* Switch on the exercises of a page. */
export function exercises(notebook) {
  const all = [], places = document.querySelectorAll(".write");
  if (!places.length) return;
  const count = element("small", "solved");
  document.querySelector("#contents [aria-current=page]").after(count);
  const draw = () => {
    const solved = solvedOfPage(all);
    count.textContent = say(strings.progress.exercises, solved);
    count.hidden = !solved.count;
    for (const each of all) each.editor?.draw();
    drawCard?.();
  };
  for (const place of places) all.push(new Exercise(notebook, place, all, draw));
  const drawCard = ownModel(notebook, all);
  draw();
  addEventListener("storage", event => all.find(each => each.key === event.key)?.heard(event.newValue));
  addEventListener("beforeunload", event => all.some(each => each.unsaved) && event.preventDefault());
  for (const place of document.querySelectorAll(".files")) files(place, notebook, all);
}

/* The buttons that lead from the page to a notebook and back. */
function files(place, notebook, all) {
  const status = element("p", "said");
  status.setAttribute("role", "status");
  const act = (text, name) => {
    const button = element("button", "", text);
    button.type = "button";
    button.onclick = async () => {
      status.textContent = "";
      try {
        await (await import("./notebook_file.js"))[name]({ notebook, all, status });
      } catch (error) {
        console.warn(error);
        status.textContent = texts.files.notLoaded;
      }
    };
    return button;
  };
  const { download, open, engine } = texts.files;
  place.append(
    element("p", "actions", act(download, "download"), act(open, "open"), act(engine, "engine")), status);
}
