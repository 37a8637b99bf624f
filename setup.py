"""What pyproject.toml cannot say: an installed package carries the notebooks' sources, so that it
can check answers."""

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


setup(cmdclass={"build_py": WithSources})
