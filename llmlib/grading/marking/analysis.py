"""What the text of a submission shows before any of it runs: what will run, which exercises use
what is off, and what an instructor should read for themselves. Such a finding costs no points:
whoever writes `eval` may have reasons. What refuses parts of torch is in the learner's process, and
whoever means to can undo that; the text of it is here."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from llmlib.course.cells import Exercise, Notebook
from llmlib.course.definitions import Definition, definitions, needed
from llmlib.course.forbidden import forbidden_names
from llmlib.course.handed_in import Cell, Job, Step, plan
from llmlib.course.run_cells import python
from llmlib.course.scopes import MAX_ANALYSED
from llmlib.grading.outside import reading

# Other code than what stands there, other processes and threads, names that are computed, and what
# Python and torch keep to themselves.
NAMES = frozenset(
    "eval exec compile __import__ __builtins__ builtins gc ctypes subprocess multiprocessing "
    "socket mmap marshal pickle importlib pkgutil runpy pydoc inspect unittest mock vars globals "
    "locals setattr delattr threading _thread concurrent timeit __main__".split()
)
ATTRIBUTES = frozenset(
    "fork posix_spawn execv modules import_module reload __globals__ __builtins__ __code__ "
    "CodeType FunctionType __subclasses__ _getframe settrace setprofile get_objects get_referrers "
    "tb_frame f_back f_globals f_locals gi_frame __closure__ cell_contents __dict__ __class__ "
    "__getattribute__ __setattr__ __loader__ __spec__ attrgetter methodcaller "
    "_C _refs _prims _decomp ops library Library impl overrides to_mkldnn sparse _destroy "
    "Thread ThreadPoolExecutor to_thread run_in_executor pipe mkfifo socketpair "
    "Formatter get_field update_wrapper run_line_magic run_cell_magic "
    "grad_fn next_functions flex_attention __self__ exec pickle builtins builtin_mod import_item "
    "BaseConfigurator dictConfig register_at_fork FileIO fdopen fx _inductor _dynamo "
    "multiprocessing readv writev preadv pwritev sendfile splice".split()
)
# Modules that run a text, or reach below `os`. As names they are anybody's: `code` is a fine one.
RUNNERS = frozenset("bdb cProfile code codeop doctest pdb profile trace signal posix _io".split())
# What else is imported is a library that may hold answers, or a file that the learner wrote.
LIBRARIES = "torch numpy matplotlib mpl_toolkits regex tqdm IPython ipywidgets safetensors llmlib"
KNOWN = sys.stdlib_module_names.union(LIBRARIES.split())
MOST = 100  # findings that anybody reads
TOO_LONG = "more code than is read for findings"
TOO_DEEP = "code nested deeper than is read for findings"
Used = dict[str, list[str]]


@dataclass(frozen=True)
class Analysis:
    """What a submission's text shows."""

    job: Job
    used: Used  # by exercise, what is off and used all the same
    leans_on: dict[str, list[str]]  # by exercise, the earlier ones whose functions it calls
    findings: tuple[str, ...]  # for the instructor


def of(notebook: Notebook, found: list[Cell]) -> Analysis:
    """The `Analysis` of cells as an answer to `notebook`. Raises `Unreadable`."""
    plan(notebook, [])  # the course's own cells are remembered here: a fork forgets

    def work() -> tuple:
        job = plan(notebook, found)
        own = [step for step in job.steps if step.own]
        short = sum(len(step.source) for step in own) <= 4 * MAX_ANALYSED
        made = definitions([step.source for step in own] if short else [])
        used = {each.name: forbidden_names(each, job) for each in notebook.exercises}
        seen = dict.fromkeys(_findings(notebook, own, made, used) if short else [TOO_LONG])
        return job.steps, job.notes, used, _leans_on(notebook, made), tuple(seen)[:MOST]

    steps, notes, *more = reading.limited(work)
    return Analysis(Job(tuple(Step(*each) for each in steps), notes), *more)


def _leans_on(notebook: Notebook, made: list[Definition]) -> dict[str, list[str]]:
    exercises = [each.name for each in notebook.exercises]
    leans_on = {}
    for number, name in enumerate(exercises):
        mine = [each for each in made if not each.names & (set(exercises) - {name})]
        reads = set().union(*(each.reads for each in needed({name}, mine, set())))
        leans_on[name] = [earlier for earlier in exercises[:number] if earlier in reads]
    return leans_on


def _findings(
    notebook: Notebook, own: list[Step], made: list[Definition], used: Used
) -> Iterator[str]:
    """A sentence for each."""
    for exercise in notebook.exercises:
        known = used[exercise.name]
        yield from (f"{exercise.name} is written with {name}, which is off" for name in known)
        if not known:
            yield from _namesakes(exercise, made)
    for step in own:
        ways = sorted(set(_ways(step.source)), key=_by_whose)
        if ways:
            yield f"{step.title} uses {', '.join(ways)}"


def _by_whose(way: str) -> tuple[bool, str]:
    """Our own words first: the name of an import, as long as its author likes, pushes none out."""
    return way.isidentifier() and way not in NAMES | ATTRIBUTES, way


def _namesakes(exercise: Exercise, made: list[Definition]) -> Iterator[str]:
    """Other functions with the name of one that is off, such as `torch.sparse.softmax`."""
    theirs = [name for name in exercise.off if not name.startswith("llmlib.")]
    off = {name.rpartition(".")[2]: name for name in theirs}
    for each in needed({exercise.name}, made, set()):
        for node in ast.walk(ast.parse(each.source)):
            if isinstance(node, ast.Attribute) and node.attr in off:
                yield f"{exercise.name} uses {ast.unparse(node)[-60:]}, as {off[node.attr]} is off"


def _ways(source: str) -> Iterator[str]:
    if len(source) > MAX_ANALYSED:
        yield TOO_LONG
        return
    try:
        tree = ast.parse(python(source))
    except (RecursionError, MemoryError):  # whoever only compiles it gets further
        yield TOO_DEEP
        return
    except (SyntaxError, ValueError):  # it cannot run, but for an operator that a feature brings
        yield from ["<>"] * ("<>" in source)
        return
    plain: set[ast.expr] = set()  # getattr in a call that says which attribute; so for a magic
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="getattr") as name, args=[_, ast.Constant(wanted), *_]):
                plain.add(name)
                yield from ATTRIBUTES.intersection([wanted])
            case ast.MatchClass(kwd_attrs=wanted):
                yield from ATTRIBUTES.intersection(wanted)
            case ast.Name(id=name) if name in NAMES:
                yield name
            case ast.Call(
                func=ast.Attribute(attr="run_line_magic" | "run_cell_magic") as called,
                args=[ast.Constant(str(magic)), ast.Constant(str(line)), *_],
            ):
                plain.add(called)
                runs = magic in ("time", "run") and line  # what is left of those is text that runs
                writes = magic in ("writefile", "file") and ".py" in line
                yield from [f"%{magic}"] * bool(runs or writes)
            case ast.Attribute(attr=name) if name in ATTRIBUTES and node not in plain:
                yield name
            case ast.Attribute(value=ast.Name(id=module), attr=name, ctx=ast.Store()):
                yield from [f"{module}.{name} = …"] * (module in KNOWN)
            case ast.Import(names=aliases):
                yield from _imported([alias.name for alias in aliases], [])
                renamed = (each for each in aliases if each.asname and each.name in ("os", "io"))
                yield from (f"{each.name} by another name" for each in renamed)
            case ast.ImportFrom(module="os", names=aliases) if {"read", "write", "*"} & {
                alias.name for alias in aliases
            }:
                yield "os.read or os.write"
            case ast.ImportFrom(module=module, names=aliases):
                yield from _imported([module or ""], [alias.name for alias in aliases])
            case ast.Attribute(value=ast.Name(id="os"), attr="read" | "write" as name):
                yield f"os.{name}"  # of the socket that the grader listens at
            case ast.Call(
                func=ast.Name(id="open") | ast.Attribute(attr="open"),
                args=[ast.Constant(int()), *_],
            ):
                yield "open with a number"
            case ast.keyword(arg="allow_pickle" | "weights_only" | "num_workers" as name):
                yield name
            case ast.Constant(str(text)) if text.endswith(".py"):
                yield "a file of Python's that it writes"
            case ast.Name(id="getattr") if node not in plain:
                yield "getattr with a name that is computed"


def _imported(modules: list[str], taken: list[str]) -> Iterator[str]:
    """What an import has of ways, and the libraries that no lesson needs."""
    words = {word for each in (*modules, *taken) for word in each.split(".")}
    yield from words & (NAMES | ATTRIBUTES)
    roots = {each.partition(".")[0] for each in modules}
    yield from roots & RUNNERS
    yield from roots - KNOWN - {""}
