/* Predictions by click, kept in this browser. What gives an answer away is covered until its reader
 * has made a guess, or has said that there is none. */

import { element, memory } from "./dom.js";
import { say, strings } from "./strings.js";

const NONE = ""; // what is kept for "no guess"

/* Whether a guess is right, as classroom.predict.reveal has it. */
export function isRight(guess, answer, within) {
  if (Number.isNaN(Number(answer))) return guess === answer;
  const allowed = within === undefined ? Math.abs(Number(answer)) / 4 : Number(within);
  return Math.abs(Number(guess) - Number(answer)) <= allowed;
}

class Prediction {
  constructor(form, kept, changed) {
    this.form = form;
    this.kept = kept;
    this.changed = changed;
    this.said = form.querySelector(".said");
    this.field = form.querySelector(".guess");
    this.slider = form.querySelector("input[type=range]");
    for (const button of form.querySelectorAll("[data-guess]")) {
      button.onclick = () => this.guess(button.dataset.guess);
    }
    if (this.slider) this.slider.oninput = () => void (this.field.value = this.slider.value);
    form.onsubmit = event => {
      event.preventDefault();
      if (this.field?.value || this.field?.validity.badInput) this.read();
    };
  }

  get key() {
    return this.form.dataset.key;
  }

  get made() {
    return this.kept.get(this.key);
  }

  /* A guess in words: "B, a new line", "0.5", or that there is none. */
  inWords(guess) {
    if (guess === NONE) return strings.predictions.noGuess;
    const button = this.form.querySelector(`[data-guess="${CSS.escape(guess)}"]`);
    const text = button?.cloneNode(true);
    text?.querySelector(".mark")?.remove();
    return text ? text.textContent.trim().replace(/^(\w) /, "$1, ") : guess;
  }

  get right() {
    return this.made !== NONE && isRight(this.made, this.form.dataset.answer, this.form.dataset.within);
  }

  read() {
    const found = this.field.valueAsNumber; // the browser reads it: no other text can be typed
    if (Number.isNaN(found)) {
      this.said.className = "said refused";
      this.said.textContent = strings.predictions.number;
    } else this.guess(String(found));
  }

  guess(said) {
    if (this.made === undefined) this.kept.set(this.key, said); // the first one stands
    this.draw();
    this.changed();
  }

  draw() {
    const { made } = this, done = made !== undefined;
    this.form.querySelector("fieldset").disabled = done;
    for (const button of this.form.querySelectorAll("[data-guess]")) {
      const chosen = button.dataset.guess === made;
      button.setAttribute("aria-pressed", chosen);
      button.querySelector(".mark")?.remove();
      if (chosen) button.append(element("span", "mark", strings.predictions.chosen));
    }
    if (this.field && !done) this.field.value = "";
    if (this.field && done) this.field.value = made;
    if (this.slider && done && made !== NONE) this.slider.value = made;
    this.said.className = `said${done && this.right ? " right" : ""}`;
    this.said.textContent = done ? this.verdict() : "";
  }

  verdict() {
    const { right, wrong, answer } = strings.predictions, said = this.form.dataset.words;
    if (this.made === NONE) return say(answer, { answer: said });
    return say(this.right ? right : wrong, { guess: this.inWords(this.made), answer: said });
  }
}

/* What shows an answer: the lower part of the question's card, or, farther down, a covered output. */
class Revealed {
  constructor(place, asked) {
    Object.assign(this, { place, asked });
    if (place.matches(".answer")) return; // in the card nothing needs a cover
    this.cover = element("p", "cover", strings.predictions.cover);
    place.before(this.cover);
  }

  draw() {
    const open = this.asked.every(each => each.made !== undefined);
    if (this.cover) this.cover.hidden = open;
    this.place.classList.toggle("open", open);
  }
}

/* A text that explains an answer, or code that computes it: a fold that stays closed until there is a
 * guess. The text then opens by itself. */
class Locked {
  constructor(details, asked) {
    Object.assign(this, { details, asked, opens: details.matches(".reveal") });
    this.summary = details.querySelector("summary");
    this.words = this.summary.textContent;
    this.summary.addEventListener("click", event => {
      if (!this.unlocked) event.preventDefault();
    });
  }

  get unlocked() {
    return this.asked.every(each => each.made !== undefined);
  }

  draw() {
    const { unlocked, details, opens } = this;
    if (opens || !unlocked) details.open = unlocked;
    details.dataset.locked = !unlocked;
    this.summary.textContent = unlocked ? this.words : strings.predictions.closed;
    this.summary.setAttribute("aria-disabled", !unlocked);
  }
}

/* The table of all guesses at the end of a chapter. */
function table(place, all, forget) {
  const { you, was, empty, table: some, all: every } = strings.predictions;
  const known = [...all.values()].filter(each => each.made !== undefined);
  const made = known.filter(each => each.made !== NONE), hits = made.filter(each => each.right);
  const head = !made.length ? empty
    : say(hits.length === made.length ? every : some, { hits: hits.length, count: made.length });
  const parts = [element("p", "score", head)];
  if (known.length) {
    const row = (name, ...cells) => element("tr", "", ...cells.map(cell => element(name, "", cell)));
    const body = known.map(each => row("td", each.right ? "✓" : "·", each.question,
      each.inWords(each.made), each.form.dataset.words));
    const first = element("tr", "", element("td"), element("td"), ...[you, was].map(word => {
      const cell = element("th", "", word);
      cell.scope = "col";
      return cell;
    }));
    parts.push(element("table", "", element("thead", "", first), element("tbody", "", ...body)));
    const button = element("button", "", strings.predictions.forget);
    button.type = "button";
    button.onclick = forget;
    parts.push(element("p", "", button));
  }
  place.replaceChildren(...parts);
}

/* Switch on the predictions of a page. */
export function predictions(page) {
  const kept = memory(`predictions:${page}`), all = new Map(), others = [];
  const draw = () => {
    for (const each of [...all.values(), ...others]) each.draw();
    for (const place of document.querySelectorAll(".predictions")) table(place, all, forget);
  };
  const forget = () => {
    kept.clear();
    draw();
  };
  for (const form of document.querySelectorAll("form.prediction")) {
    const made = new Prediction(form, kept, draw);
    all.set(made.key, made);
  }
  const asked = keys => keys.map(key => all.get(key));
  for (const place of document.querySelectorAll("[data-reveals]")) {
    others.push(new Revealed(place, asked(JSON.parse(place.dataset.reveals))));
  }
  for (const details of document.querySelectorAll("details.reveal")) {
    others.push(new Locked(details, asked([details.dataset.prediction])));
  }
  for (const details of document.querySelectorAll("[data-before]")) {
    others.push(new Locked(details, asked(JSON.parse(details.dataset.before))));
  }
  draw();
}
