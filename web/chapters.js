/* A chapter, or the quiz: predictions, questions, exercises, and the widgets that run the model. */

import { exercises } from "./exercises/exercises.js";
import { predictions } from "./predictions.js";
import { quiz } from "./quiz.js";
import { reading } from "./reading.js";

const page = document.body.dataset.page;

/* A widget's still picture is on the page; the widget is drawn into the empty element above that picture
 * and takes its place. Its modules and figures are fetched when the reader comes near. */
async function mount(still) {
  const place = document.createElement("div");
  still.before(place);
  try {
    const { mount: draw } = await import("./widgets/page.js");
    await draw(place, still.dataset.widget, still.dataset.given);
    still.hidden = true;
  } catch (error) {
    place.remove(); // the still picture remains
    console.error(error);
  }
}

function widgets() {
  const near = new IntersectionObserver(entries => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      mount(target);
    }
  }, { rootMargin: "100%" });
  for (const still of document.querySelectorAll("[data-widget]")) near.observe(still);
}

/* A link may lead into an answer that is still covered: then to its question. */
function arrive() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const card = target?.closest(".card");
  if (card) (target.checkVisibility() ? target : card).scrollIntoView();
}

predictions(page);
reading();
quiz();
exercises(page);
widgets();
arrive();
addEventListener("hashchange", arrive);
