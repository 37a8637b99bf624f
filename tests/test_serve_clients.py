"""Programs that speak to OpenAI's API speak to `llmlib serve`: a public harness scores the served
model as the reference library's, and OpenAI's JavaScript client streams. Each comes from a
registry."""

import json
import os
import subprocess
import sys

import pytest
from test_serve import served

from authoring.site import npm
from classroom.my_llm import engine
from exercises.format.notebooks import ROOT

pytestmark = [pytest.mark.unit, pytest.mark.slow, pytest.mark.proof]
QUESTIONS = [  # the beginning, its endings, which one is right; not all are found by a small model
    ("The capital of France is", [" Paris", " banana", " running"], 0),
    ("Water freezes when it is", [" loud", " cold", " purple"], 1),
    ("The opposite of tall is", [" short", " seven", " table"], 0),
    ("Seven times eight is", [" fifty-six", " four", " Monday"], 0),
    ("The sky at noon is", [" hungry", " wooden", " blue"], 2),
    ("A triangle has this many sides:", [" three", " many", " one"], 0),
    ("The largest planet is", [" Jupiter", " Earth", " the Sun"], 0),
    ("The chemical sign of gold is", [" Go", " Au", " G"], 1),
]
TASK = """task: endings
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: gold
target_delimiter: ""
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
"""
SCRIPT = """import OpenAI from "openai";
const client = new OpenAI({ baseURL: process.argv[2], apiKey: process.argv[3] });
const model = (await client.models.list()).data[0].id;
const asked = { model, max_tokens: 8, messages: [{ role: "user", content: process.argv[4] }] };
const whole = await client.chat.completions.create({ ...asked, n: 2 });
let text = "";
for await (const chunk of await client.chat.completions.create({ ...asked, stream: true }))
  text += chunk.choices[0]?.delta?.content ?? "";
let code;
try { await client.chat.completions.create({ ...asked, tools: [{ type: "function" }] }); }
catch (error) { code = error.code; }
const answers = whole.choices.map((choice) => choice.message.content);
console.log(JSON.stringify({ answers, text, code }));
"""


@pytest.fixture(scope="module")
def running():
    with served(engine.load("smollm2"), temperature=0.0) as running:
        yield running


def installed(folder, *packages):
    """The variables of a process that finds `packages` in a folder, beside those of the course."""
    words = ["uv", "--no-config", "pip", "install", "--quiet", "--target", folder]
    words += ["--python", sys.executable, "-c", ROOT / "constraints.txt", *packages]
    done = subprocess.run(words, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-2000:]
    return os.environ | {"PYTHONPATH": str(folder), "HF_HUB_OFFLINE": "1"}


def evaluated(tmp_path, variables, kind, arguments, batch):
    """({question: [log-likelihood of each ending]}, accuracy) by lm-evaluation-harness."""
    words = [sys.executable, "-m", "lm_eval", "run", "--model", kind, "--model_args", arguments]
    words += ["--include_path", tmp_path, "--tasks", "endings", "--batch_size", str(batch)]
    words += ["--device", "cpu"] if kind == "hf" else []
    words += ["--log_samples", "--output_path", tmp_path / kind]
    done = subprocess.run(words, env=variables, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    (samples,) = (tmp_path / kind).rglob("samples_*.jsonl")
    (results,) = (tmp_path / kind).rglob("results_*.json")
    rows = map(json.loads, samples.read_text(encoding="utf-8").splitlines())
    likelihoods = {
        row["doc"]["question"]: [float(pair[0]) for pair in row["filtered_resps"]] for row in rows
    }
    scores = json.loads(results.read_text(encoding="utf-8"))["results"]["endings"]
    return likelihoods, scores["acc,none"]


@pytest.mark.needs("index")
def test_the_public_harness_scores_the_server_as_the_reference_library(running, tmp_path):
    variables = installed(tmp_path / "packages", "lm-eval[api]==0.4.13")
    fields = "question", "choices", "gold"
    rows = "\n".join(json.dumps(dict(zip(fields, row))) for row in QUESTIONS)
    (tmp_path / "rows.jsonl").write_text(rows, encoding="utf-8")
    task = TASK.format(rows=tmp_path / "rows.jsonl")
    (tmp_path / "endings.yaml").write_text(task, encoding="utf-8")
    folder = running.engine.folder
    address = f"base_url=http://127.0.0.1:{running.port}/v1/completions"
    arguments = f"model={running.engine.name},{address},tokenizer={folder},max_retries=1"
    variables["OPENAI_API_KEY"] = running.token
    ours, score = evaluated(tmp_path, variables, "local-completions", arguments, batch=4)
    arguments = f"pretrained={folder},dtype=float32"
    theirs, expected = evaluated(tmp_path, variables, "hf", arguments, batch=1)
    assert score == expected and 0.3 < score < 1  # neither chance nor all of them
    assert ours.keys() == theirs.keys() == {question for question, *_ in QUESTIONS}
    for question, likelihoods in ours.items():
        assert likelihoods == pytest.approx(theirs[question], abs=1e-3), question


@pytest.mark.needs("npm")
def test_the_javascript_client_streams_and_reads_the_code_of_an_error(running, tmp_path):
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (tmp_path / "ask.js").write_text(SCRIPT, encoding="utf-8")
    words = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "openai@6"]
    done = npm.run(words, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-2000:]
    base = f"http://127.0.0.1:{running.port}/v1"
    words = ["ask.js", base, running.token, "What is the capital of France?"]
    done = npm.run(words, "node", cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout)
    assert answer["answers"] == ["The capital of France is Paris."] * 2
    assert answer["text"] == answer["answers"][0] and answer["code"] == "unsupported_parameter"
