// "Run here": the button that brings the model into the page, and removes it again.

import { say, strings } from "../strings.js";
import { isKept, removeWeights } from "./live_run.js";

const MB = 1e6;

/** @param button, progress, status its elements; @param start startEngine of live_run.js */
export async function runHere({ button, progress, status, start }) {
  const texts = strings.runHere;
  let here = false;
  const tell = text => {
    status.textContent = text;
  };
  const offer = kept => {
    button.textContent = here ? texts.remove : kept ? texts.again : texts.run;
    button.classList.toggle("call", !here);
    button.disabled = false;
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
  const remove = async () => {
    const found = await removeWeights();
    here = false;
    tell(found ? texts.removed : texts.nothing);
    offer(false);
  };
  button.onclick = () => (here ? remove() : load());
  offer(await isKept());
}
