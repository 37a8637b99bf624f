/* What quiz.js and lab.js both need. They import it when JupyterLab asks for their plugins. */

/* `from(name)`: a package that JupyterLab shares, given the scope that `init` received. */
export const sharing = scope => async name => {
  const versions = Object.values(scope[name]);
  return (await (versions.find(each => each.loaded) ?? versions[0]).get())();
};

export function element(tag, kind, ...children) {
  const made = document.createElement(tag);
  made.className = kind;
  made.append(...children);
  return made;
}

export const gradeId = cell => cell.model.getMetadata("nbgrader")?.grade_id ?? "";

export const source = cell => cell.model.sharedModel.getSource();

/* A click may come while the kernel starts: JupyterLab would drop what it is to run. */
export async function connected({ sessionContext }) {
  for (let i = 0; i < 600; i++) {
    if (sessionContext.session?.kernel?.connectionStatus === "connected") return;
    await new Promise(go => setTimeout(go, 100));
  }
}

/* Calls `draw` once before the next frame whenever the notebook or its page has changed. */
export function drawAgain(panel, draw) {
  let asked;
  const again = () => {
    asked ??= requestAnimationFrame(() => {
      asked = undefined;
      draw();
    });
  };
  new MutationObserver(again).observe(panel.content.node, { childList: true, subtree: true });
  panel.content.model.contentChanged.connect(again);
  again();
}
