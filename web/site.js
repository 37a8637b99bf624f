/* What every page does: the menu, the theme, the search, "you are here", and printing. */

import { search } from "./search.js";
import { strings } from "./strings.js";

const root = document.documentElement;

function menu() {
  const button = document.querySelector("#menu"), contents = document.querySelector("#contents");
  const show = open => {
    contents.classList.toggle("open", open);
    button.setAttribute("aria-expanded", open);
  };
  button.onclick = () => show(button.getAttribute("aria-expanded") !== "true");
  contents.addEventListener("click", event => event.target.closest("a") && show(false));
  document.addEventListener("keydown", event => {
    if (event.key !== "Escape" || button.getAttribute("aria-expanded") !== "true") return;
    show(false);
    button.focus();
  });
}

function theme() {
  const button = document.querySelector("#theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const name = () => {
    button.textContent = isDark() ? strings.theme.toLight : strings.theme.toDark;
  };
  button.onclick = () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("llmlib:theme", root.dataset.theme);
    } catch {
      // nothing is kept: the choice holds for this page
    }
    name();
  };
  system.addEventListener("change", name);
  name();
}

/* The heading that was scrolled past last is marked in the contents. */
function youAreHere() {
  const links = new Map(
    [...document.querySelectorAll(".sections a")].map(link => [link.hash.slice(1), link]));
  const headings = [...links.keys()]
    .map(id => document.getElementById(decodeURIComponent(id))).filter(Boolean);
  let marked;
  const mark = () => {
    const here = headings.findLast(each => each.getBoundingClientRect().top < 120);
    const link = here && links.get(here.id);
    if (link === marked) return;
    marked?.classList.remove("here");
    marked?.removeAttribute("aria-current");
    link?.classList.add("here");
    link?.setAttribute("aria-current", "location");
    marked = link;
    if (link) keepInSight(link);
  };
  let waiting = false;
  document.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      mark();
    });
  }, { passive: true });
  mark();
}

/* The contents scroll along, without moving the page. */
function keepInSight(link) {
  const contents = document.querySelector("#contents");
  const frame = contents.getBoundingClientRect(), place = link.getBoundingClientRect();
  if (place.top < frame.top) contents.scrollTop += place.top - frame.top - 50;
  if (place.bottom > frame.bottom) contents.scrollTop += place.bottom - frame.bottom + 50;
}

/* What is too wide scrolls inside its own frame. A keyboard must be able to scroll it, too. */
function reachable() {
  const watch = new ResizeObserver(entries => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const each of document.querySelectorAll("pre, table, .rich, .formula, .frame")) watch.observe(each);
}

/* On paper nothing can be opened: folded text is printed open. */
function print() {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened.push(...document.querySelectorAll("main details:not([open])"));
    for (const each of opened) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of opened) each.open = false;
    opened = [];
  });
}

/* A link to what is folded away opens it. */
function unfold() {
  const name = location.hash.slice(1); // with "=" it is a view of the landing page
  const target = name.includes("=") ? null : document.getElementById(decodeURIComponent(name));
  for (let each = target; each; each = each.parentElement) if (each.localName === "details") each.open = true;
}

menu();
theme();
youAreHere();
reachable();
print();
unfold();
addEventListener("hashchange", unfold);
search(document.querySelector("#search"), document.querySelector("#search-open"));
