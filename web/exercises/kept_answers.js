/* What a reader has written, in this browser: one entry for each exercise, so that two tabs with two
 * exercises never meet. An entry is {code, before, checked: {code, edition, message}}: `before` is the
 * text that the latest one replaced as a whole, `message` what the check said of `code`, "" if it passed. */

const PREFIX = "llmlib:exercise:";

/* The name of an entry in the storage. */
export function keyOf(notebook, exercise) {
  return `${PREFIX}${notebook}:${exercise}`;
}

/* An entry as an object, {} if there is none, or if it cannot be read. */
export function parsed(text) {
  try {
    const found = JSON.parse(text);
    return typeof found?.code === "string" ? found : {};
  } catch {
    return {};
  }
}

/* The entry's text as it is kept; null where there is none, or where this browser keeps nothing. */
export function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/* Keep an entry. False where the browser refuses, or has no room. */
export function store(key, entry) {
  try {
    localStorage.setItem(key, JSON.stringify(entry));
    return true;
  } catch {
    return false;
  }
}

/* "" (not begun), "written" (not checked as it is now), "failing" or "solved", for an exercise whose
 * statement and check are those of `edition`. */
export function stateOf({ code, checked }, edition, stub = "") {
  if (code === undefined || code === stub) return "";
  if (checked?.code !== code || checked.edition !== edition) return "written";
  return checked.message ? "failing" : "solved";
}

/* How many of the exercises {name: edition} of a notebook are solved. */
export function solvedOf(notebook, editions) {
  const states = Object.entries(editions)
    .map(([name, edition]) => stateOf(parsed(stored(keyOf(notebook, name))), edition));
  return states.filter(state => state === "solved").length;
}

/* {notebook: {exercise: code}} of all that is kept. */
export function allKept() {
  const found = {};
  try {
    for (const key of Object.keys(localStorage)) {
      const [notebook, exercise] = key.startsWith(PREFIX) ? key.slice(PREFIX.length).split(":") : [];
      const { code } = exercise ? parsed(stored(key)) : {};
      if (code !== undefined) (found[notebook] ??= {})[exercise] = code;
    }
  } catch {
    // nothing is kept
  }
  return found;
}
