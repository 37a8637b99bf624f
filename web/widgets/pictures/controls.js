// Sliders with their number, the four of a draw, lists to choose from, boxes to tick, buttons.

import { element } from "../../dom.js";
import { strings } from "../strings.js";

/** A slider with its name and its number. @param format of the number shown
 * @returns { place, input, value } — `value` can be read and set */
export function slider(name, { min, max, step, value, format = String }, changed) {
  const input = element("input"), output = element("output");
  Object.assign(input, { type: "range", min, max, step, value, ariaLabel: name });
  const tell = () => {
    output.textContent = format(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.oninput = () => {
    tell();
    changed(Number(input.value));
  };
  tell();
  return {
    place: element("label", "slider", element("span", "", name), input, output),
    input,
    get value() {
      return Number(input.value);
    },
    set value(number) {
      input.value = number;
      tell();
    },
  };
}

/** Temperature, top-k, top-p, min-p.
 * @param first { temperature, top_k, top_p, min_p }; null switches a filter off
 * @returns { place, settings(), set(settings), values: as the sliders have them, ranges: from, to } */
export function filterSliders(first, changed) {
  const { off, temperature, top_k, top_p, min_p } = strings.widgets;
  const orOff = (value, format) => (each => (each === value ? off : format(each)));
  const two = each => each.toFixed(2);
  const made = {
    temperature: slider(temperature, { min: 0, max: 3, step: 0.05, value: first.temperature, format: two }, changed),
    top_k: slider(top_k, { min: 0, max: 50, step: 1, value: first.top_k ?? 0, format: orOff(0, String) }, changed),
    top_p: slider(top_p, { min: 0.01, max: 1, step: 0.01, value: first.top_p ?? 1, format: orOff(1, two) }, changed),
    min_p: slider(min_p, { min: 0, max: 1, step: 0.01, value: first.min_p ?? 0, format: orOff(0, two) }, changed),
  };
  return {
    place: element("div", "sliders", ...Object.values(made).map(each => each.place)),
    settings: () => ({
      temperature: made.temperature.value,
      top_k: made.top_k.value || null,
      top_p: made.top_p.value === 1 ? null : made.top_p.value,
      min_p: made.min_p.value || null,
    }),
    ranges: Object.fromEntries(Object.entries(made).map(([name, { input }]) => [name, [Number(input.min), Number(input.max)]])),
    get values() {
      return Object.fromEntries(Object.entries(made).map(([name, { value }]) => [name, value]));
    },
    set values(values) {
      for (const name of Object.keys(made)) made[name].value = values[name];
    },
    set(settings) {
      made.temperature.value = settings.temperature;
      made.top_k.value = settings.top_k ?? 0;
      made.top_p.value = settings.top_p ?? 1;
      made.min_p.value = settings.min_p ?? 0;
    },
  };
}

/** A slider over some values. @returns { place, input, value: the one that is chosen } */
export function sliderOver(values, name, value, format, changed) {
  const at = { min: 0, max: values.length - 1, step: 1, value: values.indexOf(value), format: i => format(values[i]) };
  const { place, input } = slider(name, at, changed);
  return { place, input, get value() { return values[Number(input.value)]; } };
}

/** A list to choose from. @returns { place, input, value } */
export function choice(name, options, changed) {
  const input = element("select");
  input.append(...options.map(each => new Option(each)));
  input.onchange = () => changed(input.value);
  return {
    place: element("label", "slider", element("span", "", name), input),
    input,
    get value() { return input.value; },
  };
}

/** A box to tick. @returns { place, input, checked } */
export function checkbox(name, checked, changed) {
  const input = element("input");
  Object.assign(input, { type: "checkbox", checked });
  input.onchange = () => changed(input.checked);
  return {
    place: element("label", "tick", input, name),
    input,
    get checked() { return input.checked; },
    set checked(now) { input.checked = now; },
  };
}

/** Buttons side by side as one stop of the Tab key, the button `first`; arrow keys lead to the others. */
export function oneTabStop(buttons, first) {
  const stop = chosen => buttons.forEach((each, i) => {
    each.tabIndex = i === chosen ? 0 : -1;
  });
  const steps = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity };
  buttons.forEach((each, i) => {
    each.onfocus = () => stop(i);
    each.onkeydown = event => {
      const step = steps[event.key];
      if (!step) return;
      event.preventDefault();
      buttons[Math.min(buttons.length - 1, Math.max(0, i + step))].focus();
    };
  });
  stop(first);
}

/** A button that does something. */
export function button(text, act, className = "") {
  const made = element("button", className, text);
  made.type = "button";
  made.onclick = act;
  return made;
}
