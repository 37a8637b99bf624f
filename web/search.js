/* The search: search.json has every section's text, and is loaded when the search is opened. */

import { element } from "./dom.js";
import { say, strings } from "./strings.js";

const SHOWN = 20;
const AROUND = 70; // letters on either side of what was found

const plain = text => text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
const words = text => plain(text).split(/\s+/).filter(Boolean);

const LONG = 5000; // letters: a section that long counts half, as more occurs in it anyway

/* How well a section fits: each word must occur. In the title it counts ten times. */
export function score(section, asked) {
  const title = plain(`${section.page} ${section.title}`), text = plain(section.text);
  let sum = 0;
  for (const word of asked) {
    const inTitle = title.split(word).length - 1, inText = text.split(word).length - 1;
    if (!inTitle && !inText) return 0;
    sum += 10 * inTitle + Math.min(inText, 5);
  }
  return sum / (1 + text.length / LONG);
}

/* The sections that fit, best first. */
export function find(sections, question) {
  const asked = words(question);
  if (!asked.length) return [];
  return sections
    .map(section => [score(section, asked), section])
    .filter(([points]) => points > 0)
    .sort(([a], [b]) => b - a)
    .map(([, section]) => section);
}

/* The text around the first word that was found, with the word marked. */
function excerpt(section, asked) {
  const text = section.text, at = plain(text).indexOf(asked[0]);
  if (at < 0) return [text.slice(0, 2 * AROUND)];
  const end = at + asked[0].length;
  return [
    (at > AROUND ? "…" : "") + text.slice(Math.max(0, at - AROUND), at),
    element("mark", "", text.slice(at, end)),
    text.slice(end, end + AROUND) + "…",
  ];
}

export function search(dialog, button) {
  const field = dialog.querySelector("input"), list = dialog.querySelector("ol");
  const said = dialog.querySelector("[role=status]");
  let sections; // a promise of them

  const load = () => (sections ??= fetch("search.json").then(answer => {
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.json();
  }));

  async function show() {
    let found;
    try {
      found = find(await load(), field.value);
    } catch {
      sections = undefined; // asked for again at the next letter
      list.replaceChildren();
      said.textContent = strings.search.failed;
      return;
    }
    const asked = words(field.value);
    const { none, one } = strings.search;
    said.textContent = !asked.length ? "" : !found.length ? none
      : found.length === 1 ? one : say(strings.search.found, { count: found.length });
    list.replaceChildren(...found.slice(0, SHOWN).map(section => {
      const link = element("a", "", section.title);
      link.href = section.url;
      const where = section.page === section.title ? [] : [element("small", "", section.page)];
      return element("li", "", link, ...where, element("small", "", ...excerpt(section, asked)));
    }));
  }

  const open = () => {
    dialog.showModal();
    field.select();
    show();
  };
  button.onclick = open;
  field.oninput = show;
  field.addEventListener("keydown", event => {
    if (event.key === "Escape") dialog.close(); // at once: the browser would clear the field first
  });
  dialog.querySelector("form").addEventListener("submit", event => {
    const first = list.querySelector("a"); // Enter in the field goes to the first place
    if (event.submitter?.matches(":focus") || !first) return;
    event.preventDefault();
    first.click();
  });
  list.addEventListener("click", event => event.target.closest("a") && dialog.close());
  document.addEventListener("keydown", event => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    open();
  });
}
