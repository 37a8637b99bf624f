"""Packages that llmlib imports and that a check never calls: nothing is here but their names, so
that the modules which import them can be imported. Whatever is called of them says so."""

import importlib.abc
import importlib.machinery
import sys
import types

PACKAGES = ("filelock", "jupytext", "nbformat", "safetensors")


def switch_on():
    """Have `import` find these packages."""
    sys.meta_path.append(Finder())


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the packages, and all modules in them, as modules of names."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in PACKAGES:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return Module(spec.name)

    def exec_module(self, module):
        pass


class Module(types.ModuleType):
    """Each name in it is a class that cannot be made."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (Absent,), {"__module__": self.__name__})


class Absent(Exception):  # some stand in an `except`
    """What cannot be made in the page."""

    def __init__(self, *_, **__):
        kind = type(self)
        raise ImportError(f"{kind.__module__}.{kind.__name__} is not in the page: use the notebook")
