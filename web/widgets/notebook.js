// A widget in a notebook: its numbers come from the kernel, over the messages of an anywidget
// (llmlib/widgets/kernel.py), or are all given with an output.

import { element } from "../dom.js";

/** What anywidget asks of a module. */
export function inNotebook(widget) {
  return {
    render({ model, el }) {
      const waiting = new Map();
      let last = 0;
      const hear = ({ number, answer, fault }, buffers) => {
        const { resolve, reject } = waiting.get(number) ?? {};
        waiting.delete(number);
        if (fault !== undefined) reject?.(new Error(fault));
        else resolve?.({ ...answer, buffers });
      };
      model.on("msg:custom", hear);
      const source = {
        given: model.get("given"),
        ask: question => new Promise((resolve, reject) => {
          const number = ++last;
          waiting.set(number, { resolve, reject });
          model.send({ number, question });
        }),
      };
      const remove = drawn(widget, el, source);
      return () => {
        model.off("msg:custom", hear);
        remove();
      };
    },
  };
}

/** A widget whose numbers are all given, in place of the element in front of its script. */
export function inOutput(widget, script) {
  const still = script.previousElementSibling, el = element("div");
  still.before(el);
  drawn(widget, el, { given: JSON.parse(still.dataset.given) });
  still.hidden = true;
}

/** Draw a widget into `el`. @returns a function that stops to listen for its keys */
function drawn(widget, el, source) {
  const box = element("section", "widget", element("h4", "", widget.title));
  box.setAttribute("aria-label", widget.title);
  el.classList.add("llm-widget");
  // A plain key is the control's: Jupyter would go to the next cell, or delete this one.
  const keys = ({ target, ctrlKey, metaKey, altKey, shiftKey }) => {
    if (!el.contains(target)) return;
    target.toggleAttribute("data-lm-suppress-shortcuts", !(ctrlKey || metaKey || altKey || shiftKey));
  };
  window.addEventListener("keydown", keys, true);
  el.append(box);
  widget.draw(box, source);
  return () => window.removeEventListener("keydown", keys, true);
}
