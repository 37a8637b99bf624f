/* From the page to a notebook and back: an answer's cell is found by its grade_id, the name of the
 * exercise. What `llmlib check` and the graders read is the released notebook with the answers in it. */

import { element } from "../dom.js";
import { say, strings } from "../strings.js";
import { allKept } from "./kept_answers.js";

const texts = strings.exercises.files;
const LONGEST = 50e6; // bytes: no notebook of the course with all its outputs is near that

/* A copy of the released notebook with the answers {name: code} in it. */
export function filled(released, answers) {
  const notebook = structuredClone(released);
  for (const cell of notebook.cells) {
    const code = isAnswer(cell) ? answers[cell.metadata.nbgrader.grade_id] : undefined;
    if (code !== undefined) cell.source = code.split(/(?<=\n)/);
  }
  return notebook;
}

/* {name: code} of a notebook's answers. Of copies of a cell the last one that is no stub counts, as in
 * a kernel. */
export function answersOf(notebook, stubs = {}) {
  const found = {};
  for (const cell of notebook.cells.filter(isAnswer)) {
    const name = cell.metadata.nbgrader.grade_id, code = [cell.source].flat().join("").replaceAll("\r\n", "\n");
    if (!(name in found) || code !== stubs[name]) found[name] = code;
  }
  return found;
}

function isAnswer(cell) {
  return cell?.cell_type === "code" && cell.metadata?.nbgrader?.solution === true &&
    typeof cell.metadata.nbgrader.grade_id === "string";
}

/* Why the file `name` cannot be taken into the page of `released`: a sentence, or nothing. */
export function refusal(found, released, { name, title }) {
  if (!Array.isArray(found?.cells)) return say(texts.noNotebook, { name });
  const names = Object.keys(answersOf(released)), theirs = answersOf(found);
  if (!names.some(each => each in theirs)) return say(texts.otherNotebook, { name, title });
  const [own, here] = [found, released].map(each => each.metadata?.llmlib?.course);
  return own === here ? "" : say(texts.otherEdition, { name, own: own ?? texts.unknown, here });
}

async function releasedOf(notebook) {
  const response = await fetch(`notebooks/${notebook}.ipynb`);
  if (!response.ok) throw new Error(`${response.status} for ${notebook}.ipynb`);
  return response.json();
}

function save(text, name, type) {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/* "Download as notebook". */
export async function download({ notebook, all, status }) {
  const written = all.filter(each => each.code !== each.stub);
  const answers = Object.fromEntries(written.map(each => [each.name, each.code]));
  const made = filled(await releasedOf(notebook), answers);
  save(`${JSON.stringify(made, null, 1)}\n`, `${notebook}.ipynb`, "application/x-ipynb+json");
  status.textContent = say(texts.downloaded, { name: `${notebook}.ipynb`, count: written.length, of: all.length });
}

/* "Open a notebook": asks for a file, and before it replaces what was written here. */
export async function open({ notebook, all, status }) {
  const field = element("input");
  field.type = "file";
  field.accept = ".ipynb";
  field.hidden = true;
  field.onchange = async () => {
    field.remove();
    status.textContent = "";
    const [file] = field.files, title = document.querySelector("main h1").textContent;
    const found = await read(file);
    let released;
    try {
      released = await releasedOf(notebook);
    } catch {
      status.textContent = texts.notLoaded;
      return;
    }
    const refused = refusal(found, released, { name: file.name, title });
    if (refused) status.textContent = refused;
    else take(found, all, status);
  };
  field.oncancel = () => field.remove();
  status.after(field); // in the page: a browser may forget a loose field, and its file
  field.click();
}

/* The JSON of a file; null where there is none. */
async function read(file) {
  try {
    return file.size < LONGEST ? JSON.parse((await file.text()).replace(/^\ufeff/, "")) : null;
  } catch {
    return null;
  }
}

/* Take a notebook's answers where nothing was written here; ask about the others. */
function take(found, all, status) {
  const stubs = Object.fromEntries(all.map(each => [each.name, each.stub]));
  const answers = answersOf(found, stubs);
  const news = all.filter(each => ![undefined, each.stub, each.code].includes(answers[each.name]));
  const [free, mine] = [true, false].map(empty => news.filter(each => (each.code === each.stub) === empty));
  const fill = those => those.filter(each => !each.replace(answers[each.name])).length;
  const failed = fill(free);
  const said = failed ? [texts.notTaken] : [say(news.length ? texts.taken : texts.nothingNew, { count: free.length })];
  if (!mine.length) {
    status.textContent = said[0];
    return;
  }
  const button = (text, act) => {
    const made = element("button", "", text);
    made.type = "button";
    made.onclick = () => {
      status.textContent = act();
      status.tabIndex = -1;
      status.focus(); // the button has gone
    };
    return made;
  };
  const names = mine.map(each => each.name).join(", ");
  status.replaceChildren(
    ...free.length ? [said[0], " "] : [], say(texts.ask, { names }), " ",
    button(texts.theirs, () => (fill(mine) ? texts.notTaken : texts.replaced)), " ",
    button(texts.mine, () => texts.kept));
}

/* "Download my_llm.py": made by the course's own code, in the page's Python. */
export async function engine({ status }) {
  status.textContent = texts.engineWaits;
  try {
    const { python } = await import("../python/python.js");
    const { text, lacking } = await python.myLlm(allKept());
    if (text) save(text, "my_llm.py", "text/x-python");
    const those = Object.entries(Object.groupBy(lacking, each => Number.parseInt(each.notebook)))
      .map(([number, each]) => say(texts.ofNotebook, { number, names: each.map(({ name }) => name).join(", ") }));
    const lacks = say(texts.engineLacks, { count: lacking.length, names: those.join(" ") });
    status.textContent = text ? texts.engineMade : lacks;
  } catch (error) {
    status.textContent = error.message;
  }
}
