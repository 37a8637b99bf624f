/* Two things that every script of the site needs: an element, and a memory that may be missing. */

/* element("p", "said", "Noted", strong) -> <p class="said">Noted<strong>…</strong></p> */
export function element(name, className = "", ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/* What this browser keeps under a name, as an object. Where storage is refused, or holds what is no
 * object, the page works all the same and forgets when it is closed. */
export function memory(name) {
  let kept = {};
  try {
    const found = JSON.parse(localStorage.getItem(`llmlib:${name}`));
    if (found && typeof found === "object" && !Array.isArray(found)) kept = found;
  } catch {
    // nothing is kept
  }
  const save = () => {
    try {
      localStorage.setItem(`llmlib:${name}`, JSON.stringify(kept));
    } catch {
      // storage is full or refused
    }
  };
  return {
    get: key => (Object.hasOwn(kept, key) ? kept[key] : undefined),
    set: (key, value) => {
      kept[key] = value;
      save();
    },
    count: () => Object.keys(kept).length,
    clear: () => {
      kept = {};
      save();
    },
  };
}
