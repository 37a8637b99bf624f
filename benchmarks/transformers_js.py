"""transformers.js and SmolLM2 as it wants it, for benchmarks/page.py: the library from npm, the
model converted to ONNX by the builder of onnxruntime-genai. Both are made once, in
build/bench/transformers_js/.
"""

import functools
import json
import shutil
import subprocess
import sys
import threading

from authoring.site import serve
from benchmarks.measure import Unavailable, peer
from llmlib import assets
from llmlib.course.format.notebooks import ROOT

VERSION = "4.3.2"
FOLDER = ROOT / "build" / "bench" / "transformers_js"
MODEL = FOLDER / "models" / "smollm2"
INSTALL = "pip install onnxruntime-genai==0.18.0 onnx==1.23.2 onnxruntime==1.32.0"
PAGE = "<!doctype html><title>A page</title><link rel=icon href=data:,>"
START = """async dtype => {
  const T = window.T = await import("./transformers.min.js");
  Object.assign(T.env, { allowRemoteModels: false, allowLocalModels: true });
  Object.assign(T.env, { useBrowserCache: false, localModelPath: "./models/" });
  const { wasm } = T.env.backends.onnx;
  Object.assign(wasm, { numThreads: 1, proxy: false, wasmPaths: new URL("./", location).href });
  window.model = await T.AutoModelForCausalLM.from_pretrained("smollm2", { dtype, device: "wasm" });
}"""
WRITE = """async ([ids, n]) => {
  const shape = [1, ids.length];
  const input_ids = new T.Tensor("int64", BigInt64Array.from(ids.map(BigInt)), shape);
  const attention_mask = new T.Tensor("int64", new BigInt64Array(ids.length).fill(1n), shape);
  const settings = { max_new_tokens: n, min_new_tokens: n, do_sample: false };
  const out = await model.generate({ input_ids, attention_mask, ...settings });
  return Array.from(out.data.slice(ids.length), Number);
}"""


def _run(dtype, browser):
    """A function (ids, new tokens) -> (CPU seconds of the browser, the new ids). Raises
    `Unavailable`."""
    _prepare()
    page = opened(browser, serve.server(FOLDER, 0))
    page.evaluate(START, dtype)
    return functools.partial(timed, page, WRITE)


KINDS = {"8 bits": functools.partial(_run, "q8"), "float32": functools.partial(_run, "fp32")}


def opened(browser, server):
    """An empty page of `server`."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = browser.new_page()
    page.set_default_timeout(0)
    page.goto(f"http://localhost:{server.server_port}/index.html")
    return page


def timed(page, write, ids, new):
    """(CPU seconds of the browser's processes, the new ids)"""
    start = _spent()
    made = page.evaluate(write, [ids, new])
    return _spent() - start, made


def _spent():
    psutil = peer("psutil")
    times = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            times += process.cpu_times().user
        except psutil.Error:  # it has ended meanwhile
            pass
    return times


def _prepare():
    if (FOLDER / "done").exists():
        return
    onnx = peer("onnx", INSTALL)
    quantization = peer("onnxruntime.quantization", INSTALL)
    peer("onnxruntime_genai", INSTALL)
    shutil.rmtree(FOLDER, ignore_errors=True)
    MODEL.joinpath("onnx").mkdir(parents=True)
    _npm()
    source = assets.smollm2_folder()
    builder = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", source, "-e", "cpu"]
    options = ["-p", "fp32", "-o", FOLDER / "built", "-c", FOLDER / "cache"]
    options += ["--extra_options", "shared_embeddings=false"]
    subprocess.run([*builder, *options], check=True, capture_output=True)
    whole, small = MODEL / "onnx" / "model.onnx", MODEL / "onnx" / "model_quantized.onnx"
    onnx.save(_with_shapes(onnx.load(FOLDER / "built" / "model.onnx")), whole)
    integers = quantization.QuantType.QInt8
    kinds = {"weight_type": integers, "op_types_to_quantize": ["MatMul"]}
    quantization.quantize_dynamic(whole, small, **kinds)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / name, MODEL)
    (MODEL / "generation_config.json").write_text(json.dumps({"eos_token_id": 2}))
    (FOLDER / "index.html").write_text(PAGE, encoding="utf-8")
    shutil.rmtree(FOLDER / "built")
    (FOLDER / "done").touch()


def _npm():
    if not shutil.which("npm"):
        raise Unavailable("npm is not installed")
    words = ["npm", "install", "--ignore-scripts", f"@huggingface/transformers@{VERSION}"]
    done = subprocess.run(words, cwd=FOLDER, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"npm cannot install it: {done.stderr.strip().splitlines()[-1]}")
    packages = FOLDER / "node_modules"
    shutil.copy(packages / "@huggingface/transformers/dist/transformers.min.js", FOLDER)
    for path in (packages / "onnxruntime-web/dist").glob("ort-wasm-simd-threaded.asyncify.*"):
        shutil.copy(path, FOLDER)


def _with_shapes(model):
    """The cache's inputs with numbers where the builder leaves names: the library reads those."""
    config = json.loads((assets.smollm2_folder() / "config.json").read_text(encoding="utf-8"))
    for given in model.graph.input:
        if given.name.startswith("past_key_values"):
            shape = given.type.tensor_type.shape.dim
            for axis, name in ((1, "num_key_value_heads"), (3, "head_dim")):
                shape[axis].ClearField("dim_param")
                shape[axis].dim_value = config[name]
    return model
