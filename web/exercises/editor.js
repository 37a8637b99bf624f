/* The editor of an exercise: CodeMirror with the released cell in it, its check, and what the check says.
 * Fetched at the first click on an exercise. */

import { element, memory } from "../dom.js";
import { keepPages } from "../keep_pages.js";
import { python } from "../python/python.js";
import { say, strings } from "../strings.js";
import { isCore, solvedOfPage } from "./exercises.js";
import {
  Annotation, bracketMatching, closeBrackets, closeBracketsKeymap, defaultKeymap, drawSelection, EditorState,
  EditorView, highlightSpecialChars, HighlightStyle, history, historyKeymap, indentOnInput, indentUnit,
  indentWithTab, keymap, lineNumbers, python as pythonLanguage, syntaxHighlighting, tags,
} from "../vendor/codemirror/index.js";

const texts = strings.exercises;
const MB = 1e6;
const NOT_WRITTEN = /(?<=^[ \t]*)raise NotImplementedError.*$/m; // the line of a stub that an answer replaces
const notTyped = Annotation.define(); // a text that is kept already

/* What is typed in the place of that line replaces it: a bracket, too, which would be put around another text. */
const replaceNotWritten = EditorView.inputHandler.of((view, from, to, insert) => {
  if (NOT_WRITTEN.exec(view.state.sliceDoc(from, to))?.[0].length !== to - from) return false;
  view.dispatch({ changes: { from, to, insert }, selection: { anchor: from + insert.length }, userEvent: "input.type" });
  return true;
});

/* The classes of site.css that colour code anywhere on the page. */
const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.bool, tags.null], class: "k" },
  { tag: [tags.function(tags.definition(tags.variableName)), tags.definition(tags.className)], class: "nf" },
  { tag: [tags.string, tags.special(tags.string)], class: "s" },
  { tag: tags.comment, class: "c1" },
  { tag: tags.number, class: "mi" },
  { tag: [tags.standard(tags.variableName), tags.meta], class: "nb" },
]);

/* Put an editor into the place of an exercise (exercises.js), and its cursor into it. */
export function openEditor(exercise) {
  style();
  return new Editor(exercise);
}

function style() {
  const href = new URL("./exercises.css", import.meta.url).href;
  if (document.querySelector(`link[href="${href}"]`)) return;
  const link = element("link");
  Object.assign(link, { rel: "stylesheet", href });
  document.head.append(link);
}

class Editor {
  constructor(exercise) {
    this.exercise = exercise;
    this.checking = false;
    this.hint = element("p", "hint", texts.hint);
    this.hint.id = `hint-${exercise.name}`;
    this.frame = element("div", "editor code");
    this.view = new EditorView({ state: this.newState(exercise.code), parent: this.frame });
    this.checkButton = this.button(texts.check, () => this.check());
    this.stopButton = this.button(texts.stop, () => this.stopCheck());
    this.left = element("span", "left");
    this.left.setAttribute("role", "timer"); // which is not read out as it changes
    this.again = this.button(texts.again, () => this.startAgain());
    this.back = this.button(texts.back, () => this.bringBack());
    this.solution = this.button(texts.solution, () => this.showSolution());
    this.progress = element("progress");
    this.progress.max = 1;
    this.progress.hidden = true;
    this.progress.setAttribute("aria-label", texts.progress);
    this.said = element("div", "verdict");
    this.said.setAttribute("role", "status");
    this.printed = element("pre", "printed");
    this.printed.hidden = true;
    this.trouble = element("p", "said refused");
    this.trouble.setAttribute("role", "status");
    this.onward = element("p", "onward");
    const buttons = element(
      "p", "row", this.checkButton, this.again, this.back, this.solution, this.stopButton, this.left, this.progress);
    exercise.place.append(this.frame, this.hint, buttons, this.trouble, this.said, this.onward, this.printed);
    this.draw();
    this.verdict();
    this.view.focus();
    this.selectNotWritten();
    this.startPython().catch(error => this.tellError(error));
  }

  button(text, act) {
    const made = element("button", "", text);
    made.type = "button";
    made.onclick = act;
    return made;
  }

  newState(doc) {
    const label = { "aria-label": say(texts.label, { name: this.exercise.name }), "aria-describedby": this.hint.id };
    return EditorState.create({ doc, extensions: [
      lineNumbers(), highlightSpecialChars(), history(), drawSelection(), indentUnit.of("    "), indentOnInput(),
      bracketMatching(), replaceNotWritten, closeBrackets(), pythonLanguage(), syntaxHighlighting(colours), EditorView.lineWrapping,
      EditorState.tabSize.of(4), EditorView.contentAttributes.of(label),
      keymap.of([
        { key: "Mod-Enter", run: () => Boolean(this.check()) },
        ...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab,
      ]),
      EditorView.updateListener.of(update => update.docChanged && this.typed(update)),
    ] });
  }

  get code() {
    return this.view.state.doc.toString();
  }

  typed(update) {
    if (update.transactions.some(each => each.annotation(notTyped))) return;
    this.keep({ code: this.code });
    if (!this.checking) this.verdict();
  }

  /* What the reader changes is kept at once. */
  keep(change) {
    const { exercise } = this;
    if (!exercise.keep(change)) this.askAboutOtherTab(change);
    else this.trouble.textContent = exercise.unsaved ? texts.noRoom : "";
    this.draw();
  }

  askAboutOtherTab(change) {
    const { exercise } = this;
    exercise.unsaved = true;
    if (this.trouble.querySelector("button")) return;
    const decide = act => () => {
      exercise.unsaved = false;
      this.trouble.textContent = "";
      act(exercise.readAgain());
      this.view.focus();
    };
    this.trouble.replaceChildren(
      texts.otherTab, " ",
      this.button(texts.showOther, decide(({ code }) => {
        const mine = this.code;
        this.put(code);
        this.keep({ before: mine });
      })), " ",
      this.button(texts.keepThis, decide(({ code }) => this.keep({ ...change, code: this.code, before: code }))));
  }

  /* What another tab has written. */
  show({ code }) {
    if (code !== this.code) this.put(code);
    this.draw();
    this.verdict();
  }

  put(code) {
    this.view.dispatch({
      changes: { from: 0, to: this.view.state.doc.length, insert: code }, annotations: notTyped.of(true) });
  }

  /* Another text in the place of all that is here, which can be brought back. */
  replace(code) {
    const before = this.code;
    this.put(code);
    this.keep({ code, before });
    this.verdict();
    return !this.exercise.unsaved;
  }

  startAgain() {
    if (this.code !== this.exercise.stub) this.replace(this.exercise.stub);
    this.view.focus();
    this.selectNotWritten();
  }

  /* Select the statement that the answer replaces, so that one begins by typing. */
  selectNotWritten() {
    const found = NOT_WRITTEN.exec(this.code);
    if (!found) return;
    this.view.dispatch({
      selection: { anchor: found.index, head: found.index + found[0].length }, scrollIntoView: true });
  }

  bringBack() {
    this.replace(this.exercise.entry.before);
    this.view.focus();
  }

  showSolution() {
    const fold = this.exercise.place.parentElement.querySelector("details.solution");
    fold.open = true;
    fold.querySelector("summary").focus();
    fold.scrollIntoView({ block: "nearest" });
  }

  /* Python is fetched while the reader writes. */
  async startPython() {
    try {
      await python.start(({ done, total }) => this.downloaded(done, total));
      memory("python").set("once", true);
      const notebook = new URL(`notebooks/${this.exercise.notebook}.ipynb`, document.baseURI).href;
      keepPages([new URL("./notebook_file.js", import.meta.url).href, notebook]);
    } finally {
      this.progress.hidden = true;
      this.loading = false;
    }
    for (const each of this.exercise.all) (each.editor ?? each).draw();
    if (this.checking) this.tell(texts.states.checking);
    else this.verdict();
  }

  downloaded(done, total) {
    this.loading = true;
    this.progress.hidden = done >= total;
    this.progress.value = done / total;
    const values = { done: (done / MB).toFixed(1), total: (total / MB).toFixed(1) };
    this.tell(say(done < total ? texts.loading : texts.starting, values));
  }

  async check() {
    if (this.checking) return true;
    const { exercise, code } = this;
    this.checking = true;
    this.stopper = new AbortController();
    this.checkButton.setAttribute("aria-disabled", "true");
    this.printed.hidden = true;
    this.tell(texts.states.checking);
    this.draw();
    try {
      this.startPython().catch(() => {}); // for its progress: the check says what went wrong
      const { signal } = this.stopper, onBegin = () => this.countDown(performance.now() + 1000 * python.seconds);
      const answer = await python.check(exercise.notebook, exercise.name, code, exercise.others(), { signal, onBegin });
      const message = answer.passed ? "" : answer.message || texts.failed;
      this.checking = false;
      this.keep({ code: this.code, checked: { code, edition: exercise.edition, message, uses: answer.uses ?? [] } });
      this.printed.textContent = answer.printed;
      this.printed.hidden = !answer.printed?.trim();
      this.verdict();
    } catch (error) {
      this.checking = false;
      this.tellError(error); // it was not checked: what the last check said stays kept
      this.draw();
    } finally {
      this.countDown();
      this.checkButton.removeAttribute("aria-disabled");
    }
    return true;
  }

  stopCheck() {
    this.stopper.abort();
    this.checkButton.focus(); // the button Stop goes
  }

  /* Show how long the check may still take, until it ends. */
  countDown(end) {
    clearTimeout(this.clock);
    this.left.textContent = "";
    if (!this.checking) return;
    const seconds = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    this.left.textContent = say(texts.left, { seconds });
    this.clock = setTimeout(() => this.countDown(end), 200);
  }

  /* What the latest check said, if it was of this text. */
  verdict() {
    const { exercise } = this, { code, edition, message, uses } = exercise.entry.checked ?? {};
    if (code !== this.code || edition !== exercise.edition) {
      if (!this.loading) this.tell("");
      return;
    }
    if (message) this.tell(say(texts.mistake, { message }), "wrong");
    else this.tell(say(texts.passed, { name: exercise.name }), "right");
    const named = whose => (uses ?? []).filter(each => each.whose === whose).map(each => each.name).join(", ");
    const lines = [["reader", texts.usesYours], ["course", texts.usesCourse]]
      .filter(([whose]) => named(whose)).map(([whose, text]) => say(text, { names: named(whose) }));
    if (lines.length) this.said.append(element("p", "uses", lines.join(" ")));
  }

  tell(text, kind = "") {
    this.said.className = `verdict ${kind}`;
    this.said.replaceChildren(...text ? [element("p", "", text)] : []);
  }

  tellError(error) {
    if (error.name === "AbortError") this.tell(texts.stopped);
    else this.tell(error.message, "wrong");
  }

  /* Below a solved exercise: how many are, and which is next. */
  drawOnward() {
    const { exercise } = this, { next } = exercise;
    this.onward.hidden = this.checking || exercise.state !== "solved";
    if (!next) {
      this.onward.textContent = texts.allSolved;
      return;
    }
    const link = element("a", "", element("code", "", next.name));
    link.href = `#${next.heading.id}`;
    this.onward.replaceChildren(say(texts.solved, solvedOfPage(exercise.all)), isCore(next) ? texts.next : texts.further, link);
  }

  draw() {
    const { exercise } = this, { before, checked } = exercise.entry;
    this.stopButton.hidden = this.left.hidden = !this.checking;
    this.drawOnward();
    exercise.draw(this.checking ? "checking" : exercise.state);
    this.back.hidden = before === undefined || before === this.code || before === exercise.stub;
    this.again.disabled = this.code === exercise.stub;
    this.solution.hidden = !checked;
  }
}
