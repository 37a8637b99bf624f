/* Reading mode: the code of a chapter is folded, each cell to a line. A button unfolds a section's, one
 * at the top the whole page's, and every chapter remembers it. */

import { element, memory } from "./dom.js";
import { strings } from "./strings.js";

const FOLDS = "details.source";
const isLocked = details => details.dataset.locked === "true"; // its prediction comes first

function open(folds, wanted) {
  for (const each of folds) if (!isLocked(each)) each.open = wanted;
}

function button(text, act) {
  const made = element("button", "", text);
  made.type = "button";
  made.onclick = act;
  return made;
}

/* After each heading of a section that has code. */
function sections() {
  let heading = null, folds = [];
  const close = () => {
    const own = folds;
    if (!heading || !own.length) return;
    const made = button(strings.reading.section, () => {
      const wanted = own.some(each => !each.open && !isLocked(each));
      open(own, wanted);
      made.textContent = wanted ? strings.reading.foldSection : strings.reading.section;
    });
    heading.after(element("p", "code-of", made));
  };
  for (const each of document.querySelectorAll(`main h2, main ${FOLDS}`)) {
    if (each.localName === "h2") {
      close();
      [heading, folds] = [each, []];
    } else folds.push(each);
  }
  close();
}

/* Switch it on for a page that has code. */
export function reading() {
  const folds = document.querySelectorAll(FOLDS), kept = memory("reading");
  if (!folds.length) return;
  const all = button("", () => {
    kept.set("code", !kept.get("code"));
    draw();
  });
  const draw = () => {
    const shown = kept.get("code") === true;
    all.textContent = shown ? strings.reading.fold : strings.reading.show;
    open(folds, shown);
  };
  sections();
  document.querySelector("main h1").after(element("p", "code-of", all));
  draw();
}
