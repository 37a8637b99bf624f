// Elements of an SVG picture.

const SVG = "http://www.w3.org/2000/svg";

/** svg("text", { x: 3, class: "name" }, "u") -> an element of an SVG */
export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
