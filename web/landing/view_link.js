// A link that brings back what the page shows: #text=…&layer=17&head=5&temperature=0, with the names that
// llmlib has, and `at`, the stage from which it was copied. What a link leaves out is as the page begins.

import { say, strings } from "../strings.js";

const WHOLE = ["layer", "head", "top_k"];
const NOTED = 3000; // ms that a button says what it has done

/** A view as the part of an address behind "#". */
export const written = view => new URLSearchParams(view).toString();

/** The view that an address asks for, `at` which stage, and what of it is not on this page: [[name, value], …].
 * @param first the view of a page that was asked for nothing @param ranges { name: [from, to] } */
export function asked(hash, first, ranges) {
  const view = { ...first }, wrong = [], { at, ...rest } = Object.fromEntries(new URLSearchParams(hash.replace(/^#/, "")));
  for (const [name, value] of Object.entries(rest)) {
    const number = value.trim() === "" ? NaN : Number(value), [from, to] = ranges[name] ?? [];
    if (name === "text") view.text = value;
    else if (number >= from && number <= to && (!WHOLE.includes(name) || Number.isInteger(number))) view[name] = number;
    else wrong.push([name, value]);
  }
  return { view, at, wrong };
}

/** Follow such a link, now and when the address changes, and switch on the buttons that copy one.
 * @param view what is shown, { text, layer, … } @param show shows a view, and says whether it could @param tell says a sentence */
export function viewLinks({ ranges, view, show, tell }) {
  const first = view();
  const follow = () => {
    if (!location.hash.includes("=")) return;
    const found = asked(location.hash, first, ranges);
    if (show(found.view)) document.getElementById(`stage-${found.at}`)?.scrollIntoView();
    const [[name, value] = []] = found.wrong;
    if (name) tell(say(strings.link.bad, { name, value }));
  };
  for (const button of document.querySelectorAll(".copy-view")) {
    const words = button.textContent, at = button.closest(".stage")?.id.replace("stage-", "");
    button.onclick = async () => {
      history.replaceState(null, "", `#${written({ ...view(), ...(at && { at }) })}`);
      try {
        await navigator.clipboard.writeText(location.href);
        button.textContent = strings.link.copied;
      } catch {
        button.textContent = strings.link.inBar; // the browser lets no page write to the clipboard
      }
      setTimeout(() => void (button.textContent = words), NOTED);
    };
  }
  addEventListener("hashchange", follow);
  follow();
}
