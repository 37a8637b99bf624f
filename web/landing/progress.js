// How far the reader is, on the cards: the guesses (predictions.js) and answers (quiz.js) that this browser keeps.

import { element, memory } from "../dom.js";
import { say, strings } from "../strings.js";

function draw() {
  for (const card of document.querySelectorAll("[data-kept]")) {
    const { kept, of } = card.dataset, count = Math.min(memory(kept).count(), of);
    card.querySelector(".progress")?.remove();
    if (!count) continue;
    const words = say(kept === "quiz" ? strings.progress.answers : strings.progress.guesses, { count, of });
    const made = element("small", "progress", words);
    made.style.setProperty("--share", count / of);
    card.append(made);
  }
}

addEventListener("pageshow", draw); // also when the reader comes back with the browser's button
