/* A chapter, or the quiz: predictions, questions, and the widgets that run the model. */

import { predictions } from "./predictions.js";
import { quiz } from "./quiz.js";

const page = document.body.dataset.page;

/* A widget's still picture is on the page. Its module, widgets/NAME.js, exports `mount(place)`, which
 * draws into the empty element above that picture and takes its place. The build leaves out widgets without a module. */
async function widgets() {
  for (const still of document.querySelectorAll("[data-widget]")) {
    const place = document.createElement("div");
    still.before(place);
    try {
      const { mount } = await import(`./widgets/${still.dataset.widget}.js`);
      await mount(place);
      still.hidden = true; // the widget shows what the picture showed
    } catch (error) {
      place.remove(); // the still picture remains
      console.error(error);
    }
  }
}

predictions(page);
quiz();
widgets();
