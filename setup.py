"""What pyproject.toml cannot say: an installed package carries the notebooks, so that `llmlib lab`
can lay them out, their sources, so that it can check answers, the list of the model's packages, an
instructor's settings, and what draws the widgets; and puts the quiz's buttons where every
JupyterLab of its Python finds them."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CARRIED = {  # what lies beside the packages in a clone: where in them it goes
    "notebooks/*.ipynb": "exercises/notebooks",
    "solutions/*.py": "exercises/sources",
    "requirements-model.txt": "llmlib",
    "nbgrader_config.py": "grader",
    "web/dom.js": "llmlib/widgets/web",
    "web/widgets/*.*": "llmlib/widgets/web/widgets",
    "web/widgets/pictures/*.js": "llmlib/widgets/web/widgets/pictures",
}


class WithNotebooks(build_py):
    def run(self):
        super().run()
        for files, folder in {} if self.editable_mode else CARRIED.items():
            target = Path(self.build_lib, folder)
            self.mkpath(str(target))
            for file in sorted(Path().glob(files)):
                self.copy_file(str(file), str(target / file.name))


LAB = Path("classroom", "lab", "labextensions", "llmlib-quiz")
SHARE = "share/jupyter/labextensions/llmlib-quiz"
setup(
    cmdclass={"build_py": WithNotebooks},
    data_files=[
        (SHARE, [str(LAB / "package.json")]),
        (f"{SHARE}/static", [str(LAB / "static" / name) for name in ("common.js", "quiz.js")]),
    ],
)
