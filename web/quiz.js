/* The quiz by clicks: feedback on each option, and the score. The first answer to a question is kept
 * beside the latest one, as the notebook's quiz notes it. */

import { element, memory } from "./dom.js";
import { say, strings } from "./strings.js";

class Question {
  constructor(section, kept, changed) {
    Object.assign(this, { section, kept, changed, right: section.dataset.right });
    this.said = section.querySelector(".said");
    this.why = section.querySelector(".why");
    for (const button of section.querySelectorAll("button[data-letter]")) {
      button.onclick = () => this.choose(button.dataset.letter);
    }
  }

  /* {letter, first}, or undefined while it is not answered. */
  get given() {
    return this.kept.get(this.section.id);
  }

  choose(letter) {
    this.kept.set(this.section.id, { letter, first: this.given?.first ?? letter });
    this.draw();
    const said = letter === this.right ? strings.quiz.isRight : strings.quiz.isWrong;
    const feedback = this.section.querySelector(`.feedback[data-letter="${letter}"]`);
    this.said.textContent = `${say(said, { letter })} ${feedback.textContent}`;
    this.changed();
  }

  draw() {
    const letter = this.given?.letter, isRight = letter === this.right;
    for (const button of this.section.querySelectorAll("button[data-letter]")) {
      const chosen = button.dataset.letter === letter;
      button.setAttribute("aria-pressed", chosen);
      button.className = !chosen ? "scripted" : `scripted ${isRight ? "right" : "wrong"}`;
      button.querySelector(".mark")?.remove();
      const { right, wrong } = strings.quiz;
      if (chosen) button.append(element("span", "mark", isRight ? right : wrong));
    }
    for (const feedback of this.section.querySelectorAll(".feedback")) {
      feedback.hidden = feedback.dataset.letter !== letter;
    }
    this.said.textContent = "";
    if (this.why) this.why.hidden = !isRight;
  }
}

/* Switch on the questions of a page. */
export function quiz() {
  const kept = memory("quiz"), questions = [];
  const score = () => {
    const right = questions.filter(each => each.given?.letter === each.right).length;
    const first = questions.filter(each => each.given?.first === each.right).length;
    for (const place of document.querySelectorAll("main > p.score")) {
      const button = element("button", "", strings.quiz.forget);
      button.type = "button";
      button.onclick = forget;
      const count = questions.length;
      place.replaceChildren(say(strings.quiz.score, { right, first, count }), " ", button);
    }
  };
  const draw = () => {
    for (const each of questions) each.draw();
    score();
  };
  const forget = () => {
    kept.clear();
    draw();
  };
  for (const section of document.querySelectorAll(".question")) {
    questions.push(new Question(section, kept, score));
  }
  if (questions.length) draw();
}
