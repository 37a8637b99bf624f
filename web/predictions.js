/* Predictions by click, kept in this browser. What gives an answer away is covered until its reader
 * has made a guess, or has said that there is none. */

import { element, memory } from "./dom.js";
import { say, strings } from "./strings.js";

const NONE = ""; // what is kept for "no guess"
const QUOTES = /^[ \t\n"'“”„‘’`]+|[ \t\n"'“”„‘’`]+$/g;
const THOUSANDS = /^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$/;
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/;

function decimal(text) {
  const plain = text.replaceAll(",", THOUSANDS.test(text) ? "" : ".");
  return DECIMAL.test(plain) ? Number(plain) : null;
}

/* The number that a text says, or null, as llmlib.course.prediction_cells.number reads it: 0.5 for
 * 0.5, 0,5, 50% and 1/2. If the question asks for percent, 50% is 50. */
export function number(text, inPercent) {
  const said = text.replace(QUOTES, "").replaceAll("−", "-").toLowerCase()
    .replace(/(?<=\d) (?=\d{3}\b)/g, "");
  const percent = /\s*(%|percent)$/.test(said);
  const [above, ...rest] = said.replace(/\s*(%|percent)$/, "").split("/");
  const below = rest.length ? decimal(rest.join("/").trim()) : 1;
  const value = decimal(above.trim());
  if (value === null || !below) return null;
  const found = percent && !inPercent ? value / below / 100 : value / below;
  return Math.abs(found) <= 1e300 ? found : null;
}

/* Whether a guess is right, as llmlib.course.predict.reveal has it. */
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
      if (this.field?.value.trim()) this.read();
    };
  }

  get key() {
    return this.form.dataset.key;
  }

  get question() {
    return this.form.querySelector("legend").textContent;
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
    const found = number(this.field.value, this.question.includes("percent"));
    if (found === null) {
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
    const { made } = this, { words } = this.form.dataset;
    const done = made !== undefined;
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
    this.said.className = "said";
    if (!done) this.said.textContent = "";
    else if (made === NONE) this.said.textContent = strings.predictions.none;
    else this.said.textContent = say(strings.predictions.noted, { guess: this.inWords(made) });
    if (words === undefined) this.form.dataset.words = ""; // a prediction without an answer
  }

  /* What is shown beside the answer. */
  verdict() {
    const { right, wrong, answer } = strings.predictions, said = this.form.dataset.words;
    if (this.made === NONE) return say(answer, { answer: said });
    return say(this.right ? right : wrong, { guess: this.inWords(this.made), answer: said });
  }
}

/* An output that shows an answer: covered, or with the verdicts below it. */
class Revealed {
  constructor(place, all) {
    this.place = place;
    this.asked = JSON.parse(place.dataset.reveals).map(key => all.get(key)).filter(Boolean);
    this.cover = element("p", "cover", strings.predictions.cover);
    this.said = element("div", "verdicts");
    this.said.setAttribute("role", "status");
    this.output = element("div", "", ...place.childNodes);
    place.append(this.cover, this.output, this.said);
  }

  draw() {
    const open = this.asked.every(each => each.made !== undefined);
    this.cover.hidden = open;
    this.output.hidden = !open;
    this.said.replaceChildren(...(open ? this.asked : []).map(each =>
      element("p", `said${each.right ? " right" : ""}`, each.verdict())));
  }
}

/* Code that computes an answer: covered by one line. */
class AfterGuess {
  constructor(place, all) {
    this.asked = JSON.parse(place.dataset.afterGuess).map(key => all.get(key)).filter(Boolean);
    this.cover = element("p", "cover", strings.predictions.code);
    this.code = element("div", "", ...place.childNodes);
    place.append(this.cover, this.code);
  }

  draw() {
    const open = this.asked.every(each => each.made !== undefined);
    this.cover.hidden = open;
    this.code.hidden = !open;
  }
}

/* A text that explains an answer: a fold that stays closed until there is a guess. */
class Explained {
  constructor(details, prediction) {
    this.details = details;
    this.prediction = prediction;
    this.summary = details.querySelector("summary");
    this.words = this.summary.textContent;
    this.summary.addEventListener("click", event => {
      if (this.prediction.made === undefined) event.preventDefault();
    });
  }

  draw() {
    const open = this.prediction.made !== undefined;
    this.details.open = open;
    this.summary.textContent = open ? this.words : strings.predictions.closed;
    this.summary.setAttribute("aria-disabled", !open);
  }
}

/* The table of all guesses at the end of a chapter. */
function table(place, all, forget) {
  const { you, was, empty, table: some, all: every } = strings.predictions;
  const known = [...all.values()].filter(each => each.made !== undefined && each.form.dataset.answer);
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
  for (const place of document.querySelectorAll("[data-after-guess]")) {
    others.push(new AfterGuess(place, all));
  }
  for (const place of document.querySelectorAll("[data-reveals]")) others.push(new Revealed(place, all));
  for (const details of document.querySelectorAll("details.reveal")) {
    const about = all.get(details.dataset.prediction);
    if (about) others.push(new Explained(details, about));
  }
  draw();
}
