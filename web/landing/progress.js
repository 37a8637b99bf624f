// How far the reader is, on the cards: the guesses (predictions.js), answers (quiz.js) and exercises
// (exercises.js) that this browser keeps, on one bar.

import { element, memory } from "../dom.js";
import { solvedOf } from "../exercises/kept_answers.js";
import { say, strings } from "../strings.js";

const texts = strings.progress;

/* [words, count, of how many] for each kind of work that a card's page has. */
function* parts({ kept, of, notebook, exercises }) {
  yield [kept === "quiz" ? texts.answers : texts.guesses, Math.min(memory(kept).count(), of), Number(of)];
  if (!exercises) return;
  const editions = JSON.parse(exercises);
  yield [texts.exercises, solvedOf(notebook, editions), Object.keys(editions).length];
}

function draw() {
  for (const card of document.querySelectorAll("[data-kept]")) {
    const all = [...parts(card.dataset)], begun = all.filter(([, count]) => count);
    card.querySelector(".progress")?.remove();
    if (!begun.length) continue;
    const made = element("small", "progress", begun.map(([words, count, of]) => say(words, { count, of })).join(" · "));
    const sum = at => all.reduce((sum, each) => sum + each[at], 0);
    made.style.setProperty("--share", sum(1) / sum(2));
    card.append(made);
  }
}

addEventListener("pageshow", draw); // also when the reader comes back with the browser's button
