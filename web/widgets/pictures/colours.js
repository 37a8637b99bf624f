// Colours for what is drawn on a canvas. The names are those of widgets.css, each with a value for
// the light and one for the dark theme; pairs are told apart by colour-blind readers.

const found = new Map();

/** [red, green, blue] of a colour of widgets.css, such as "--blue", in the theme of now. */
export function colour(name) {
  if (!found.has(name)) {
    const probe = document.createElement("span");
    probe.className = "llm-widget"; // where only widgets have these colours: in a notebook
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    found.set(name, getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number));
    probe.remove();
  }
  return found.get(name);
}

/** From colour a (t = 0) to colour b (t = 1). */
export function mix(a, b, t) {
  return a.map((each, i) => Math.round(each + (b[i] - each) * t));
}

/** The colour of a number from -1 to 1: blue, the page's own at 0, orange. */
export function diverging(value) {
  const strength = Math.min(1, Math.abs(value));
  return mix(colour("--ground"), colour(value < 0 ? "--blue" : "--orange"), strength);
}

/** "black" or "white", whichever reads better on a colour (relative luminance, WCAG 2). */
export function ink(rgb) {
  const [r, g, b] = rgb.map(each => each / 255)
    .map(each => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b < 0.179 ? "white" : "black";
}

const drawn = new Set(), redraw = new WeakMap(); // neither keeps an element that nobody else does

/** Draw now, and again whenever the reader changes the theme. */
export function inTheme(element, draw) {
  if (!redraw.has(element)) drawn.add(new WeakRef(element));
  redraw.set(element, draw);
  draw();
}

function themeChanged() {
  found.clear();
  for (const each of drawn) {
    const element = each.deref();
    if (element?.isConnected) redraw.get(element)();
    else {
      drawn.delete(each);
      redraw.delete(element);
    }
  }
}

const watched = new MutationObserver(themeChanged); // the page's theme, JupyterLab's, VS Code's
const themes = ["data-theme", "data-jp-theme-light", "data-vscode-theme-kind"];
for (const each of [document.documentElement, document.body]) {
  watched.observe(each, { attributes: true, attributeFilter: themes });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themeChanged);
