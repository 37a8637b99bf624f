"""my_llm.py of what a reader has written in the page, as `llmlib my-llm` makes it of notebooks: the
same code chooses the definitions and joins them, and the checks run on the finished file."""

import json

import page_checks  # first: it makes importable what llmlib imports

from classroom.checking import run_cells, run_tests
from classroom.checking.definitions import BUILTINS, definitions, needed
from classroom.checking.scopes import names
from classroom.my_llm import assemble


def make(answers, tell):
    """{text, lacking: [{notebook, name, why}]} for {notebook: {exercise: code}}, as JSON. The text
    is null while a function of the engine is lacking; `tell` hears whose check begins."""
    engine = _engine()
    known = names(assemble.TEMPLATE).binds | engine.keys()
    lacking, sections = {}, []
    for notebook in dict.fromkeys(engine.values()):
        mine = answers.get(notebook, {})
        found = _definitions(notebook, mine)
        functions = frozenset(name for name in engine if engine[name] == notebook)
        for name in sorted(functions, key=list(engine).index):
            why = _unsolved(notebook, name, mine, tell) or _cannot_move(name, found, known)
            if why:
                lacking[name] = why
        future = [each for each in found if each.source.startswith("from __future__")]
        made_by = [*future, *needed(functions, found, known)]
        sections.append(assemble.Section(notebook, functions, made_by))
    text = None
    if not lacking:
        text = assemble.render(sections, set(engine))
        lacking = _failing(text, engine, known, tell)
    rows = [{"notebook": engine[name], "name": name, "why": why} for name, why in lacking.items()]
    return json.dumps({"text": None if rows else text, "lacking": rows})


def _engine():
    """{name: notebook} of the functions that the template calls, and that the solutions call."""
    every = {
        title: (notebook, source)
        for notebook, book in page_checks.BOOKS.items()
        for title, source in book["steps"]
        if title in book["exercises"]
    }
    found, todo = set(), names(assemble.TEMPLATE).reads & set(every)
    while todo:
        found |= todo
        called = (names(every[name][1]).reads for name in todo)
        todo = frozenset().union(*called) & set(every) - found
    return {name: notebook for name, (notebook, _) in every.items() if name in found}


def _unsolved(notebook, name, mine, tell):
    """Why the reader's function is no part of an engine yet, or None."""
    if name not in mine:
        return "not written yet"
    others = {each: code for each, code in mine.items() if each != name}
    found = json.loads(page_checks.check(notebook, name, mine[name], others, tell))
    course = [each["name"] for each in found["uses"] if each["whose"] == "course"]
    calls = f"it calls {', '.join(course)}, which you have not solved"
    return found["message"] or (calls if course else None)


def _definitions(notebook, mine, checks=False):
    """What a notebook's cells define, the reader's in the place of the course's."""
    steps = page_checks.BOOKS[notebook]["steps"]
    sources = [mine.get(title, source) for title, source in steps]
    known = names(assemble.TEMPLATE).binds | _engine().keys()
    return assemble.without_llmlib(definitions(sources), known, checks)


def _cannot_move(name, found, known):
    """Why a function that passes cannot go into a file, or None."""
    chosen = needed({name}, found, known)
    if not any(name in each.names for each in chosen):
        return "its cell makes it by no def, = or import of its name"
    lazy = any("annotations" in each.names for each in found)  # older Pythons read the others
    if lost := ", ".join(sorted(assemble.undefined_names(chosen, known, lazy))):
        return f"it uses {lost}, which the file cannot take along"
    if line := assemble.top_level_await(chosen):
        return f"it needs `{line}`, but only a notebook runs that await"
    return None


def _failing(text, engine, known, tell):
    """{function: why} of those whose check fails on the finished file."""
    space, failed = vars(run_cells.new_main("my_llm")), {}
    for title, source in assemble.sections_of(text):
        tell(title)
        if message := run_tests.error_message(run_cells.run(title, source, space), 20):
            failed[title] = message
    defined, found = names(text, len(text)).binds, {}
    for name, notebook in engine.items():
        book = page_checks.BOOKS[notebook]
        check, imports = book["exercises"][name]["check"], book["imports"]
        test = names(check)
        asked = test.reads - test.binds - defined - BUILTINS - names(imports).binds
        for each in needed(asked, _definitions(notebook, {}, checks=True), defined):
            if not each.names <= defined:
                run_cells.run(notebook, each.source, space)
        tell(name)
        error = run_tests.test(name, check, space, imports)
        why = isinstance(error, NameError) and (failed.get(notebook) or failed.get("my_llm"))
        if why := why or run_tests.error_message(error, 20, name):
            found[name] = f"in the finished file: {why}"
    return found
