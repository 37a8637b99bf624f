// "Run here": the button that brings the model into the page; another one, apart, removes it again.

import { say, strings } from "../strings.js";
import { isKept, removeWeights } from "./live_run.js";

const MB = 1e6;

/** @param button, progress, status its elements; @param remove a button, if the page has one for that
 * @param start startEngine of live_run.js */
export async function runHere({ button, progress, status, remove, start }) {
  const texts = strings.runHere;
  let here = false;
  const tell = text => {
    status.textContent = text;
  };
  const offer = kept => {
    button.textContent = here ? texts.here : kept ? texts.again : texts.run;
    button.disabled = here;
    if (remove) remove.hidden = !kept;
  };
  const load = async () => {
    button.disabled = true;
    progress.hidden = false;
    try {
      await start(({ loaded, total }) => {
        progress.value = loaded / total;
        const values = { loaded: Math.round(loaded / MB), total: Math.round(total / MB) };
        tell(say(loaded < total ? texts.loading : texts.starting, values));
      });
      here = true;
    } catch (error) {
      tell(error.message);
      button.focus();
    } finally {
      progress.hidden = true;
      offer(await isKept());
    }
  };
  button.onclick = load;
  if (remove) {
    remove.onclick = async () => {
      tell(await removeWeights() ? texts.removed : texts.nothing);
      status.tabIndex = -1;
      status.focus(); // the button goes
      offer(false);
    };
  }
  offer(await isKept());
}
