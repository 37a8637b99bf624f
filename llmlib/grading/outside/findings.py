"""What an instructor should read for themselves: ways past a refusal, as far as text shows them.

A finding costs no points: whoever writes `eval` may have reasons. torch is in the learner's
process, and so is what refuses parts of it; whoever means to can undo that. The text of it is here.
"""

import ast
from collections.abc import Iterator

from llmlib.course.cells import Exercise
from llmlib.course.definitions import Definition, definitions, needed
from llmlib.course.forbidden import forbidden_names
from llmlib.course.handed_in import Job
from llmlib.course.run_cells import python
from llmlib.course.scopes import MAX_ANALYSED

# Other code than what stands there, other processes, names that are computed, and what Python and
# torch keep to themselves.
NAMES = frozenset(
    "eval exec compile __import__ __builtins__ builtins gc ctypes subprocess multiprocessing "
    "socket mmap marshal pickle importlib pkgutil runpy pydoc inspect unittest mock vars globals "
    "locals setattr delattr".split()
)
ATTRIBUTES = frozenset(
    "fork posix_spawn execv modules import_module reload __globals__ __builtins__ __code__ "
    "CodeType FunctionType __subclasses__ _getframe settrace setprofile get_objects get_referrers "
    "tb_frame f_back f_globals f_locals gi_frame __closure__ cell_contents __dict__ __class__ "
    "__getattribute__ __setattr__ __loader__ __spec__ attrgetter methodcaller "
    "_C _refs _prims _decomp ops library Library impl overrides to_mkldnn sparse _destroy".split()
)


def findings(exercises: tuple[Exercise, ...], job: Job) -> Iterator[str]:
    """A sentence for each."""
    own = [step for step in job.steps if step.own]
    if sum(len(step.source) for step in own) > 4 * MAX_ANALYSED:
        yield "more code than is read for findings"
        return
    found = definitions([step.source for step in own])
    for exercise in exercises:
        known = forbidden_names(exercise, job)
        yield from (f"{exercise.name} is written with {name}, which is off" for name in known)
        if not known:
            yield from _namesakes(exercise, found)
    for step in own:
        ways = sorted(set(_ways(step.source)))
        if ways:
            yield f"{step.title} uses {', '.join(ways)}"


def _namesakes(exercise: Exercise, found: list[Definition]) -> Iterator[str]:
    """Other functions with the name of one that is off, such as `torch.sparse.softmax`."""
    theirs = [name for name in exercise.off if not name.startswith("llmlib.")]
    off = {name.rpartition(".")[2]: name for name in theirs}
    for each in needed({exercise.name}, found, set()):
        for node in ast.walk(ast.parse(each.source)):
            if isinstance(node, ast.Attribute) and node.attr in off:
                yield f"{exercise.name} uses {ast.unparse(node)[-60:]}, as {off[node.attr]} is off"


def _ways(source: str) -> Iterator[str]:
    if len(source) > MAX_ANALYSED:
        yield "more code than is read for findings"
        return
    try:
        tree = ast.parse(python(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    plain = set()  # getattr in a call that says which attribute
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="getattr") as name, args=[_, ast.Constant(wanted), *_]):
                plain.add(name)
                yield from ATTRIBUTES.intersection([wanted])
            case ast.MatchClass(kwd_attrs=wanted):
                yield from ATTRIBUTES.intersection(wanted)
            case ast.Name(id=name) if name in NAMES:
                yield name
            case ast.Attribute(attr=name) if name in ATTRIBUTES:
                yield name
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                words = [part for alias in aliases for part in alias.name.split(".")]
                words += (getattr(node, "module", None) or "").split(".")
                yield from (NAMES | ATTRIBUTES).intersection(words)
            case ast.Name(id="getattr") if node not in plain:
                yield "getattr with a name that is computed"
