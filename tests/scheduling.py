"""Which tests one worker runs in one go, and in which order these units are begun: a run ends when
its last worker does."""

import re

from xdist.scheduler import LoadFileScheduling

# minutes a unit: begun first, so that no worker is alone at the end; and before the others those
# that fork, as a fork copies the addresses of all memory, also of models that another file left
LONG = ["graders", "security", "nbgrader", "claims", "nbval"]
# and what waits as much as it computes (for limits that attacks run into, the package index, a
# cluster's processes, pages), besides all of browser: spread among the others
WAITING = ["test_grading_attacks.py", "test_dask_cluster.py", "test_lock.py", "test_progress.py"]
WAITING += ["test_grading_limits.py", "test_grading_batch.py"]
# The tests of a file share what they start. In these they share it only where their parameters
# begin alike: with a notebook, or a class of attacks.
NOTEBOOK = r"\[(\d\d_[a-z_]+)"
APART = {
    "tests/claims/test_claims.py": NOTEBOOK,
    "tests/test_other_processors.py": r"\[(.+)\]",  # each executes a whole notebook
    "tests/test_answers.py": NOTEBOOK,
    "tests/test_grading_answers.py": NOTEBOOK,
    "tests/test_reference_calls.py": NOTEBOOK,
    "tests/test_grading_attacks.py": r"\[class of ([a-z]+)",
}


def unit(nodeid):
    """The tests that one worker runs in one go: those of a file, or of a part of it."""
    file, _, test = nodeid.partition("::")
    part = re.search(APART[file], test) if file in APART else None
    return f"{file} {part[1]}" if part else file


class Units(LoadFileScheduling):
    def _split_scope(self, nodeid):
        return unit(nodeid)

    def remove_node(self, node):
        # Given again what a worker that died had wholly done, the next one would wait for ever.
        units = self.assigned_work[node]
        for each in [each for each, tests in units.items() if all(tests.values())]:
            del units[each]
        return super().remove_node(node)


def in_turn(items, layer):
    """The tests unit by unit, in the order in which these are begun: one that waits, then one that
    computes. `layer` says which one a test belongs to."""
    units = {}
    for item in items:
        units.setdefault(unit(item.nodeid), []).append(item)

    def rank(name):
        layers = {layer(item) for item in units[name]}
        slow = any(item.get_closest_marker("slow") for item in units[name])
        return min([LONG.index(each) for each in layers & {*LONG}], default=len(LONG) + (not slow))

    def named(name):
        return units[name][0].path.name in WAITING

    def waits(name):
        return named(name) or "browser" in map(layer, units[name])

    waiting = sorted(filter(waits, units), key=lambda name: not named(name))
    computing = sorted(set(units) - set(waiting), key=lambda name: (rank(name), name))
    while waiting or computing:
        for name in waiting[:1] + computing[:1]:
            yield from units[name]
        del waiting[:1], computing[:1]
