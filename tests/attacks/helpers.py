"""Real notebooks in which an exercise is tested only through a given function. Each cell makes that
function anew, so that it needs no answer: 0 points are due. (notebook, exercise, the given
function, cell)"""

RUN_CACHED = """
def run_cached(run, ids, max_new_tokens, chunk=None, context=64, stop_ids=(), least=0):
    text, new, step = list(ids), [], (-1 if least else 0)
    while len(new) < max_new_tokens and len(text) < context:
        new.append((sum((i + 1) * (t + 1) for i, t in enumerate(text)) + step) % 11)
        text.append(new[-1])
        if new[-1] in stop_ids: break
    return new, -(-len(ids) // (chunk or len(ids)))
"""
BLOCK = """
def block_of_matrices(x, norm_1, attend, norm_2, feed_forward):
    f = torch.nn.functional.linear
    x = x + f(f(x, norm_1), attend)
    return x + f(f(x, norm_2), feed_forward), ["norm_1", "attend", "norm_2", "feed_forward"]
"""
CACHE, LAYERS = "07_kv_cache_and_scaling", "04_layers"
INDENTED = "if True:" + RUN_CACHED.replace("\n", "\n    ")
COMPUTED = f"exec({RUN_CACHED.replace('run_cached', 'run_later')!r}.replace('later', 'cached'))"
REDEFINED = [
    (CACHE, "generate_cached", "run_cached", RUN_CACHED),
    (CACHE, "generate_cached", "run_cached", INDENTED),
    (CACHE, "generate_cached", "run_cached", COMPUTED),
    (LAYERS, "pre_norm_block", "block_of_matrices", BLOCK),
]
# Left by a cell for what runs after all cells, such as the seed that is set before each test.
LATE = """
def late(*given, **named):
    global {name}
    {name} = forged
    return kept(*given, **named) if kept else None
"""
HOOKS = {
    "a seed": ("import torch\nkept = torch.manual_seed", "torch.manual_seed = late"),
    "a filter": ("import warnings\nkept = warnings.simplefilter", "warnings.simplefilter = late"),
    "a fork": ("import os\nkept = None", "os.register_at_fork(after_in_child=late)"),
    "a reading": ("import json\nkept = json.loads", "json.loads = late"),
    "a class's method": (
        "import json\nkept = json.decoder.JSONDecoder.decode",
        "json.decoder.JSONDecoder.decode = late",
    ),
}
LATER = [
    (
        how,
        name,
        task,
        helper,
        helper_source.replace(f"def {helper}(", "def forged(")
        + "\n".join(["", before, LATE.format(name=helper), after]),
    )
    for how, (before, after) in HOOKS.items()
    for name, task, helper, helper_source in (REDEFINED[0], REDEFINED[3])
]
# Never calls the model: it writes into whatever list of passes it finds in its process.
WRITES_PASSES = """
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    sizes = [chunk or len(ids)] * (len(ids) // (chunk or len(ids)))
    sizes += [len(ids) - sum(sizes)] * (sum(sizes) < len(ids))
    text, room = list(ids), min(max_new_tokens, model.config.context - len(ids))
    found = [c.cell_contents for c in model.__closure__ if isinstance(c.cell_contents, list)]
    for passes in found:
        passes += sizes
    for made in range(1, room + 1):
        said = sum((i + 1) * (each + 1) for i, each in enumerate(text))
        new = pick(-((torch.arange(11) - said) % 11).float()[None]).item()
        text.append(new)
        yield new
        if new in model.config.stop_ids or made == room:
            return
        for passes in found:
            passes.append(1)
"""
