/* The search. Its index is made in the page from search.json, which has every section's text: both it and
 * the library that ranks (vendor/minisearch) are loaded when the search is opened. */

import { element } from "./dom.js";
import { STOP_WORDS, SYNONYMS } from "./search_words.js";
import { say, strings } from "./strings.js";

const SHOWN = 20;
const AROUND = 70; // letters on either side of what was found

const plain = text => text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
const wordsOf = text => plain(text).split(/[^\p{L}\p{N}]+/u).filter(Boolean);

/* British or American, one or many: "quantisations" and "quantization" are the same word. */
const stem = word => word.replace(/([^s])s$/, "$1").replace(/is(?=e$|ed$|ing$|ation$)/, "iz");

const stems = text => wordsOf(text).map(stem).join(" ");

/* Whole words come before parts of words and slips of the pen, and every word before some of them. */
const PARTLY = { prefix: word => word.length > 2, fuzzy: word => (word.length > 4 ? 0.25 : false) };
const TRIES = [["AND", {}], ["OR", {}], ["AND", PARTLY], ["OR", PARTLY]];

/* The index of some sections: [{ url, page, title, text, guide }]. */
export async function indexOf(sections) {
  const { default: MiniSearch } = await import("./vendor/minisearch/index.js");
  const index = new MiniSearch({
    idField: "url",
    fields: ["title", "page", "text"],
    storeFields: ["url", "title", "page", "text", "guide"],
    tokenize: wordsOf,
    processTerm: stem,
    searchOptions: { boost: { title: 4, page: 0.5 } },
  });
  index.addAll(sections);
  return index;
}

/* What is asked for: each word that says something, or of a question without one all words, with what
 * means the same. A phrase of the list, such as "make things up", is one word here. */
function meanings(question) {
  let left = ` ${stems(question)} `;
  const asked = [];
  for (const [said, others = []] of SYNONYMS) {
    const found = [...others, ...said].map(stems).filter(each => left.includes(` ${each} `));
    if (!found.length) continue;
    for (const each of found) left = left.replace(` ${each} `, " ");
    asked.push(said.map(stems));
  }
  const words = left.split(" ").filter(Boolean), telling = words.filter(each => !STOP_WORDS.has(each));
  const rest = telling.length || asked.length ? telling : words;
  return [...asked, ...rest.map(each => [each])];
}

/* The sections that fit, best first; guides come last. */
export function find(index, question) {
  const queries = meanings(question).map(names => ({
    combineWith: "OR", queries: names.map(name => ({ combineWith: "AND", queries: name.split(" ") })),
  }));
  const found = new Map();
  for (const [combineWith, how] of queries.length ? TRIES : []) {
    for (const each of index.search({ combineWith, queries }, how)) if (!found.has(each.id)) found.set(each.id, each);
  }
  return [...found.values()].sort((a, b) => a.guide - b.guide);
}

/* The text around the first of the `words` that were found, with the word marked. */
function excerpt(text, words) {
  const places = [...text.matchAll(/[\p{L}\p{N}]+/gu)];
  const place = places.find(([word]) => words.includes(stem(plain(word))));
  if (!place) return [text.slice(0, 2 * AROUND)];
  const { 0: word, index: at } = place, end = at + word.length;
  return [
    (at > AROUND ? "…" : "") + text.slice(Math.max(0, at - AROUND), at),
    element("mark", "", word),
    text.slice(end, end + AROUND) + "…",
  ];
}

export function search(dialog, button) {
  const field = dialog.querySelector("input"), list = dialog.querySelector("ol");
  const said = dialog.querySelector("[role=status]");
  let loading; // a promise of the index

  const load = () => (loading ??= fetch("search.json").then(answer => {
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.json();
  }).then(indexOf).catch(error => {
    loading = undefined; // asked for again at the next letter
    throw error;
  }));

  async function show() {
    const question = field.value, began = loading !== undefined;
    let found;
    try {
      found = find(await load(), question);
    } catch {
      if (question !== field.value) return; // a later letter asks
      if (began) return show(); // it waited for a try that is older than this letter
      list.replaceChildren();
      said.textContent = strings.search.failed;
      return;
    }
    if (question !== field.value) return;
    const { none, one } = strings.search;
    said.textContent = !question.trim() ? "" : !found.length ? none
      : found.length === 1 ? one : say(strings.search.found, { count: found.length });
    list.replaceChildren(...found.slice(0, SHOWN).map(section => {
      const link = element("a", "", section.title);
      link.href = section.url;
      const where = section.page === section.title ? [] : [element("small", "", section.page)];
      return element("li", "", link, ...where, element("small", "", ...excerpt(section.text, section.terms)));
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
