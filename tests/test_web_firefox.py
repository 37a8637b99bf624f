"""Firefox: the engine gives the ids of llmlib, keeps the weights, and does without its server; a
chapter works as in Chromium."""

import firefox
import pytest
import static_server

from authoring.site import weights
from llmlib import pretrained
from llmlib.generation import generate

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.needs("firefox")]
PROMPTS = [
    "The capital of France is",
    "I love 🍕 and 🧑‍🚀! My favourite emoji are",
    "def fibonacci(n):\n    a, b = 0, 1\n    for _ in range(n):\n",
]
START = """async () => {
  const { Engine } = await import("./assets/engine/engine.js");
  window.Engine = Engine;
  try {
    window.engine = await Engine.start();
  } catch (error) {
    return error.message;
  }
  return Engine.isKept();
}"""
WRITE = """async text => {
  const ids = (await engine.encode(text)).map(({ id }) => id);
  return [ids, await engine.generate(ids, { max_new_tokens: 64, stop: [] })];
}"""
KEPT = """async () => {
  const url = new URL("assets/engine/kernel.wasm", location).href;
  for (let i = 0; i < 600; i++) {
    if (await (await caches.open(`llmlib-site ${new URL("./", location)}`)).match(url)) return true;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  return false;
}"""


def test_firefox_writes_what_llmlib_writes_also_without_the_server(tmp_path):
    weights.write(static_server.lay_out(tmp_path))
    model = pretrained.load("smollm2")
    with static_server.served(tmp_path) as server, firefox.new_page() as page:
        part = "SmolLM2-135M-Instruct.Q4_1.gguf.part-05"
        server.faults[part] = static_server.body(bytes(weights.PART))
        page.goto(f"{server.address}/index.html")
        said = "The download arrived damaged, in part 5 of 12: try again."
        assert page.evaluate(START) == said
        server.faults.clear()
        assert page.evaluate(START) is True
        for prompt in PROMPTS:
            ids, mine = page.evaluate(WRITE, prompt)
            assert ids == model.tokenizer.encode(prompt)
            assert mine == list(generate(model, ids, 64, stop_ids=[]))
        assert page.evaluate(KEPT)
        server.stop()
        try:
            page.reload()
            assert page.evaluate(START) is True
            assert page.evaluate(WRITE, PROMPTS[2]) == [ids, mine]
        finally:
            server.start()
        assert page.evaluate("() => Engine.remove()") is True
        assert page.evaluate("() => Engine.isKept()") is False


GUESS = """async () => {
  const card = document.querySelector("form[data-key=question]").closest(".card");
  const seen = each => each.checkVisibility();
  const code = () => document.querySelectorAll("details.source[open]").length;
  const before = [card.innerText.includes("It is"), code()];
  card.querySelector("[data-guess=B]").click();
  const after = [card.innerText.includes("You said B"), seen(card.querySelector(".answer"))];
  document.querySelector("#search-open").click();
  const field = document.querySelector("#search input");
  field.value = "temperature";
  field.dispatchEvent(new Event("input"));
  for (let i = 0; i < 300 && !document.querySelector("#search li a"); i++) {
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  return [before, after, Boolean(document.querySelector("#search li a"))];
}"""


def test_in_firefox_a_guess_opens_its_answer_and_the_search_finds(site):
    with static_server.served(site) as server, firefox.new_page() as page:
        page.goto(f"{server.address}/01_tokens.html")
        assert page.evaluate(GUESS) == [[False, 0], [True, True], True]
