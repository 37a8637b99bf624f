"""What pyproject.toml cannot say: an installed package carries the notebooks' sources, so that it
can check answers, and puts the quiz's buttons where every JupyterLab of its Python finds them."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithSources(build_py):
    def run(self):
        super().run()
        target = Path(self.build_lib, "llmlib", "course", "sources")
        for source in [] if self.editable_mode else sorted(Path("solutions").glob("*.py")):
            self.mkpath(str(target))
            self.copy_file(str(source), str(target / source.name))


LAB = Path("llmlib", "course", "lab", "labextensions", "llmlib-quiz")
SHARE = "share/jupyter/labextensions/llmlib-quiz"
setup(
    cmdclass={"build_py": WithSources},
    data_files=[
        (SHARE, [str(LAB / "package.json")]),
        (f"{SHARE}/static", [str(LAB / "static" / name) for name in ("common.js", "quiz.js")]),
    ],
)
