/* A chapter, or the quiz: predictions, questions, and the widgets that run the model. */

import { predictions } from "./predictions.js";
import { quiz } from "./quiz.js";

const page = document.body.dataset.page;

/* A widget's still picture is on the page. Its module, widgets/NAME.js, exports `mount(place)`, which
 * draws into the empty element above that picture and takes its place. The build leaves out widgets
 * without a module. A module and its figures are fetched when the reader comes near. */
async function mount(still) {
  const place = document.createElement("div");
  still.before(place);
  try {
    const widget = await import(`./widgets/${still.dataset.widget}.js`);
    await widget.mount(place);
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

predictions(page);
quiz();
widgets();
