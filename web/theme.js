/* Runs before the page is drawn, so that a chosen theme does not flash the other one first. */
document.documentElement.classList.add("js");
try {
  const chosen = localStorage.getItem("llmlib:theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch {
  // a browser that keeps nothing: the theme is the system's
}
