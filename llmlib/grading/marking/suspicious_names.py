"""What an instructor should look at in a cell's text: code that is hidden from a reader, other
processes and threads, computed names, inner parts of Python and of libraries. There may be good
reasons for any of it: a finding costs no points.

These rules are frozen. They see names and shapes of code, not what it computes; no name is added
because one more way was found. `tests/test_suspicious_names.py` says what they see and what not.
"""

import ast
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

from llmlib.course.checking.definitions import FUNCTIONS
from llmlib.course.checking.run_cells import to_python
from llmlib.course.checking.scopes import MAX_ANALYSED

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
    "ops library Library impl overrides to_mkldnn sparse _destroy "
    "Thread ThreadPoolExecutor to_thread run_in_executor pipe mkfifo socketpair "
    "Formatter get_field update_wrapper run_line_magic run_cell_magic "
    "grad_fn next_functions flex_attention __self__ exec pickle builtins builtin_mod import_item "
    "BaseConfigurator dictConfig register_at_fork FileIO fdopen fx "
    "multiprocessing readv writev preadv pwritev sendfile splice write_text write_bytes "
    "meta_path path_hooks path_importer_cache os posix getattr_static runstring rundocs "
    "f2py read_array get_type_hints ForwardRef singledispatch singledispatchmethod "
    "CompilationUnit SoftmaxTransform transform_to biject_to run_backward "
    "incrementaldecoder IncrementalDecoder BufferedIncrementalDecoder getreader StreamReader "
    "cosine_embedding_loss CosineEmbeddingLoss".split()
).union(NAMES - set("eval compile vars globals locals mock".split()))  # `model.eval()` is honest
# Libraries that lessons need. Any other import may hold answers, run a text, or be a file that the
# learner wrote.
LIBRARIES = "torch numpy matplotlib mpl_toolkits regex tqdm IPython ipywidgets safetensors llmlib"
STANDARD = (
    "__future__ abc argparse array bisect cmath codecs collections contextlib copy csv dataclasses "
    "datetime decimal enum fractions functools heapq html io itertools json keyword logging math "
    "numbers operator os pathlib pprint random re reprlib secrets statistics string struct sys "
    "tempfile textwrap time token tokenize traceback types typing unicodedata urllib warnings zlib"
)
KNOWN = frozenset([*LIBRARIES.split(), *STANDARD.split()])
STARS = "collections itertools math numpy os random torch typing"  # their `*` is harmless
PUBLIC = frozenset("_asdict _fields _make _replace".split())  # a named tuple's
MODULES = KNOWN.union("np F nn plt T".split())  # the usual names of imports
GIVE_NUMBERS = frozenset("int len ord round".split())
TOO_LONG = "too much code to be read for findings"
TOO_DEEP = "code nested too deeply to be read for findings"


@dataclass(frozen=True)
class _Cell:
    """A cell's tree, and what the rules look up in it."""

    own_private: Set[str]  # private attributes that the learner's own code makes
    integers: Set[str]  # names that are whole numbers somewhere
    bases: Set[ast.AST]  # what an attribute is taken of: the `os` in `os.path`
    literal: Set[ast.AST]  # `getattr` and magics whose words are written out


def private_of(source: str) -> set[str]:
    """The private attributes that a learner's own classes and objects have."""
    try:
        nodes = [*ast.walk(ast.parse(to_python(source)))] if len(source) <= MAX_ANALYSED else []
    except (RecursionError, MemoryError, SyntaxError, ValueError):
        return set()
    stored = (
        n.attr for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)
    )
    return {*stored, *(n.name for n in nodes if isinstance(n, FUNCTIONS))}


def suspicious(source: str, own_private: Set[str] = frozenset()) -> Iterator[str]:
    """The findings in one cell's text, a few words each. `own_private` are the private attributes
    that the learner's own code makes (`private_of` every cell)."""
    if len(source) > MAX_ANALYSED:
        yield TOO_LONG
        return
    try:
        tree = ast.parse(to_python(source))
    except (RecursionError, MemoryError):  # compiling it, without a tree, gets further
        yield TOO_DEEP
        return
    except (SyntaxError, ValueError):  # it cannot run, unless a feature allows this operator
        yield from ["<>"] * ("<>" in source)
        return
    nodes = [*ast.walk(tree)]
    cell = _Cell(own_private, _integers(nodes), _bases(nodes), _literal(nodes))
    for node in nodes:
        for rule in RULES:
            yield from rule(node, cell)


def _bases(nodes: list[ast.AST]) -> set[ast.AST]:
    return {node.value for node in nodes if isinstance(node, ast.Attribute)}


def _literal(nodes: list[ast.AST]) -> set[ast.AST]:
    found: set[ast.AST] = set()
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id="getattr") as called, args=[_, ast.Constant(), *_]):
                found.add(called)
            case ast.Call(
                func=ast.Attribute(attr="run_line_magic" | "run_cell_magic") as called,
                args=[ast.Constant(str()), ast.Constant(str()), *_],
            ):
                found.add(called)
    return found


def _integers(nodes: list[ast.AST]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        match node:
            case ast.Assign(targets, ast.Constant(int())):
                found.update(each.id for each in targets if isinstance(each, ast.Name))
            case ast.NamedExpr(ast.Name(name), ast.Constant(int())):
                found.add(name)
    return found


def _private(name: str) -> bool:
    return name[:1] == "_" != name[1:2] and name not in PUBLIC


def _root(node: ast.expr) -> str:
    """The `torch` of `torch.nn.functional.softmax`."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


# ---- the rules: each yields what it sees at one node


def _name(node: ast.AST, cell: _Cell) -> Iterator[str]:
    match node:
        case ast.Name(id=name) if name in NAMES:
            yield name
        case ast.Name(id="getattr") if node not in cell.literal:
            yield "getattr with a computed name"
        case ast.Name(id="os" | "io" | "torch" as name) if node not in cell.bases:
            yield f"{name} under another name"


def _attribute(node: ast.AST, cell: _Cell) -> Iterator[str]:
    match node:
        case ast.Attribute(attr=name):
            if _private(name) and (_root(node) in MODULES or name not in cell.own_private):
                yield name
            if name in ATTRIBUTES and node not in cell.literal:
                yield name
        case ast.MatchClass(kwd_attrs=names):
            yield from ATTRIBUTES.intersection(names)


def _getattr(node: ast.AST, cell: _Cell) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(str(name)), *_]):
            yield from [name] * (name in ATTRIBUTES or _private(name))


def _magic(node: ast.AST, cell: _Cell) -> Iterator[str]:
    match node:
        case ast.Call(
            func=ast.Attribute(attr="run_line_magic" | "run_cell_magic"),
            args=[ast.Constant(str(magic)), ast.Constant(str(line)), *_],
        ):
            runs = magic in ("time", "run") and line  # what is left of those is text that runs
            writes = magic in ("writefile", "file") and ".py" in line
            yield from [f"%{magic}"] * bool(runs or writes)


def _stored(node: ast.AST, cell: _Cell) -> Iterator[str]:
    match node:
        case ast.Attribute(ctx=ast.Store()) if _root(node) in MODULES:
            yield f"{ast.unparse(node)[-60:]} = …"


def _import(node: ast.AST, cell: _Cell) -> Iterator[str]:
    match node:
        case ast.Import(names=aliases):
            yield from _imported([alias.name for alias in aliases], [])
            renamed = (each for each in aliases if each.asname and each.name in ("os", "io"))
            yield from (f"{each.name} under another name" for each in renamed)
        case ast.ImportFrom(module=module, names=[ast.alias(name="*")]) if (
            module not in STARS.split()
        ):
            yield from ["all of a module", *_imported([module or ""], [])]
        case ast.ImportFrom(module="os", names=aliases) if {"read", "write", "*"} & {
            alias.name for alias in aliases
        }:
            yield "os.read or os.write"
        case ast.ImportFrom(module=module, names=aliases):
            yield from _imported([module or ""], [alias.name for alias in aliases])


def _imported(modules: list[str], taken: list[str]) -> Iterator[str]:
    """What an import takes that is on the lists, and libraries that no lesson needs."""
    words = {word for each in (*modules, *taken) for word in each.split(".")}
    yield from words & (NAMES | ATTRIBUTES) - {"os"}
    yield from words & {"measure"} if "numpy.testing" in modules else ()
    yield from filter(_private, words)
    inner = {each for each in modules if each.startswith("IPython.")} - {"IPython.display"}
    yield from ["IPython's internals"] * bool(inner)
    yield from {each.partition(".")[0] for each in modules} - KNOWN - {""}


def _file(node: ast.AST, cell: _Cell) -> Iterator[str]:
    match node:
        case ast.Attribute(value=ast.Name(id="os"), attr="read" | "write" as name):
            yield f"os.{name}"  # of the socket that the grader listens at
        case ast.Call(func=ast.Name(id="open") | ast.Attribute(attr="open")):
            yield from _opened(node, cell.integers)
        case ast.Constant(str(text)) if text.endswith(".py"):
            yield "a .py file"


def _opened(call: ast.Call, integers: Set[str]) -> Iterator[str]:
    """A file that is a number, or is written under a name that cannot be read here."""
    given = [*call.args, *(each.value for each in call.keywords)]
    match given:
        case [ast.Constant(int()) | ast.BinOp(ast.Constant(int())), *_]:
            yield "open with a number"
        case [ast.Name(name) | ast.Call(ast.Name(name)), *_] if name in integers | GIVE_NUMBERS:
            yield "open with a number"
    if {None, "buffering", "opener"} & {each.arg for each in call.keywords} or len(call.args) > 2:
        yield "a file opened in an unusual way"
    texts = {str(each.value) for each in given if isinstance(each, ast.Constant)}
    writes = any(set(text) <= set("rwaxbt+") and set(text) & set("wax+") for text in texts)
    if writes and not any(text.strip("rwaxbt+") for text in texts):
        yield "a file written under a computed name"


def _runs_text(node: ast.AST, cell: _Cell) -> Iterator[str]:
    match node:
        case (
            ast.Call(func=ast.Attribute(attr="load"), args=[_, _, _, *_])
            | ast.Call(func=ast.Attribute(attr="load"), keywords=[ast.keyword(arg=None), *_])
        ):
            yield "load with more than a file"
        case ast.Call(func=ast.Attribute(attr="wraps") | ast.Name("wraps"), args=[_, _, *_]):
            yield "wraps with more than a function"
        case ast.Attribute(ast.Attribute(attr="testing") | ast.Name("testing"), "measure"):
            yield "numpy.testing.measure"
        case ast.keyword(arg="allow_pickle" | "weights_only" | "num_workers" as name):
            yield name


Rule = Callable[[ast.AST, _Cell], Iterator[str]]
RULES: tuple[Rule, ...] = (
    *(_name, _attribute, _getattr, _magic, _stored, _import, _file, _runs_text),
)
