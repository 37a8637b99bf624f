"""A reader's functions run the model in the page: the numbers are llmlib's, what differs or fails
is named in a sentence, and nothing is fetched before the click."""

import contextlib
import re
import shutil

import browser
import made_once
import pytest
from browser import expect, serious_faults
from static_server import served

from authoring.site import npm, python_parts, weights
from exercises.format import notebooks
from llmlib import output_head, pretrained
from llmlib.generation import generate

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.needs("chromium"),
    pytest.mark.needs("npm"),
]
LONG = 120_000  # milliseconds
LAYER = 5  # of own_model_card.js
TEXT = "The cat sat on the mat, and the cat"
PROMPT = "The capital of France is"
NEW_TOKENS = 24
CLOSE = 2e-3  # the engine rounds what a matrix reads to 16 bits


@pytest.fixture(scope="module")
def model():
    return pretrained.load("smollm2")


@pytest.fixture(scope="module")
def context(chromium, site):
    """A browser on the whole site: the model and Python are fetched once."""

    def fill(made):
        shutil.copytree(site, made, dirs_exist_ok=True)
        python_parts.write(made)
        npm.write_editor(made)
        weights.write(made)

    folder = made_once.folder("site-with-model", fill)
    with served(folder) as server, browser.new_context(chromium, reduced_motion="reduce") as found:
        found.server = server
        yield found


@contextlib.contextmanager
def opened(context, book, **answers):
    """The page of a notebook, on which its exercises are solved with the course's solutions, but
    for `answers` {exercise: code}, and for None, which is not solved."""
    given = {each.name: each.solution for each in notebooks.load(book).exercises} | answers
    with browser.new_tab(context) as page:
        page.set_default_timeout(LONG)
        page.goto(f"{context.server.address}/{book}.html")
        page.evaluate(
            """([book, answers]) => {
            localStorage.clear();
            for (const [name, code] of Object.entries(answers)) {
              const { edition } = document.querySelector(`.write[data-exercise=${name}]`).dataset;
              const entry = { code, checked: { code, edition, message: "" } };
              localStorage.setItem(`llmlib:exercise:${book}:${name}`, JSON.stringify(entry));
            }
            }""",
            [book, {name: code for name, code in given.items() if code}],
        )
        page.reload()
        yield page
        assert not page.complaints


def card(page):
    return page.get_by_role("region", name="Your functions run the model")


def run(page, text=TEXT):
    """Runs the card's functions, by keyboard; returns the card when they have ended."""
    place = card(page)
    place.get_by_role("textbox", name="Your text").fill(text)
    place.get_by_role("button", name=re.compile("Run")).focus()
    page.keyboard.press("Enter")
    expect(place.get_by_role("button", name=re.compile("Run"))).to_be_enabled(timeout=LONG)
    expect(place.get_by_role("button", name="Stop")).to_be_hidden()
    return place


def write(page, book, name, body):
    """As a reader in another tab changes the body of a function, and it passes its check."""
    source = next(each for each in notebooks.load(book).exercises if each.name == name).solution
    begin = source.index('"""', source.index('"""') + 3) + 3
    page.evaluate(
        """([key, code]) => {
        const entry = JSON.parse(localStorage.getItem(key));
        const newValue = JSON.stringify({ ...entry, code, checked: { ...entry.checked, code } });
        localStorage.setItem(key, newValue);
        dispatchEvent(new StorageEvent("storage", { key, newValue }));
        }""",
        [f"llmlib:exercise:{book}:{name}", f"{source[:begin]}\n    {body}\n"],
    )


def says(page, book, name, body, sentence):
    """What the card says when a function is another one."""
    write(page, book, name, body)
    expect(run(page)).to_contain_text(sentence)


def table(place, column):
    """The numbers of a column of the card's table: 0 the function's, 1 the engine's."""
    rows = place.locator("tr:has(td)").all()
    return [float(row.locator("td").nth(column).inner_text()) for row in rows]


def inside(model, text):
    """What llmlib computes in the layer: {name: [(result, arguments) of each call]}."""
    seen = {}

    def watched(name):
        function = getattr(model.parts, name)

        def call(*args, **kwargs):
            result = function(*args, **kwargs)
            seen.setdefault(name, []).append((result, args))
            return result

        return call

    names = "norm", "position", "attention"
    model.using(**{name: watched(name) for name in names})(model.tokenizer.encode(text))
    return {
        "rms_norm": seen["norm"][2 * LAYER][0],
        "apply_rope": seen["position"][LAYER][0][:, : model.config.n_head],
        "scaled_dot_product_attention": seen["attention"][LAYER][0],
    }


def agree(place, model, name):
    """The card's numbers are the engine's and llmlib's."""
    wanted = inside(model, TEXT)[name][0]  # n seq head_dim, or seq d_model
    count = f"{wanted.numel():,}"
    expect(place).to_contain_text(f"{name}: {count} numbers, equal to the engine’s to three digits")
    last = wanted.flatten()[-wanted.shape[-1] :][:6].tolist()
    for column in (0, 1):
        assert table(place, column) == pytest.approx(last, abs=CLOSE, rel=CLOSE)


def test_apply_rope_turns_the_models_queries(context, model):
    book, name = "02_embeddings", "apply_rope"
    with opened(context, book) as page:
        agree(run(page), model, name)
        expect(card(page)).to_contain_text("Yours: apply_rope.")
        says(page, book, name, "return x * 1.001", "apply_rope differs from the engine in ")
        says(page, book, name, "return x[0]", "shape [10, 64], the engine’s is [9, 10, 64]")


def test_scaled_dot_product_attention_is_the_models_heads(context, model):
    book, name = "03_attention", "scaled_dot_product_attention"
    with opened(context, book, causal_mask=None) as page:
        agree(run(page), model, name)
        expect(card(page)).to_contain_text(f"Yours: {name}. The course’s: causal_mask.")
        says(page, book, name, "return q @ k.mT @ v", f"{name} differs from the engine in ")


def test_softmax_gives_the_models_probabilities(context, model):
    wanted = output_head.softmax(model(model.tokenizer.encode(TEXT))[0, -1]).topk(6)
    with opened(context, "05_output_head") as page:
        place = run(page)
        expect(place).to_contain_text("softmax: 49,152 numbers, equal to the engine’s")
        words = [word.strip() for word in place.locator("tr:has(td) th").all_inner_texts()]
        assert words == [model.tokenizer.decode([i]).strip() for i in wanted.indices.tolist()]
        for column in (0, 1):
            assert table(place, column) == pytest.approx(wanted.values.tolist(), rel=0.02)


def test_rms_norm_is_the_models_and_its_mistakes_are_named(context, model):
    book, name = "04_layers", "rms_norm"
    with opened(context, book) as page:
        agree(run(page), model, name)
        says(page, book, name, "return None", "rms_norm gave something other than a tensor")
        says(page, book, name, "return x[70]", "rms_norm: IndexError: ")
        says(page, book, name, "raise NotImplementedError", "rms_norm: not written yet")
        write(page, book, name, "while True: pass")
        card(page).get_by_role("button", name=re.compile("Run")).click()
        card(page).get_by_role("button", name="Stop").click()
        expect(card(page).get_by_text("Stopped.")).to_be_visible()
        expect(card(page).get_by_role("button", name=re.compile("Run"))).to_be_focused()


def test_encode_and_decode_read_and_write_for_the_model(context, model):
    book, ids = "01_tokens", model.tokenizer.encode(PROMPT)
    written = model.tokenizer.decode([*generate(model, ids, NEW_TOKENS)])
    with opened(context, book) as page:
        place = run(page, PROMPT)
        expect(place).to_contain_text(f"encode gives {len(ids)} ids, the same as the engine’s own")
        expect(place).to_contain_text("decode gives the same text as the engine’s own")
        assert place.locator(".written").inner_text() == PROMPT + written
        assert not serious_faults(page)
        says(page, book, "decode", "return 'x'", "decode differs from the engine, which reads")
        says(page, book, "encode", "return [72]", "encode differs from the engine: id number 1 is")
        says(page, book, "encode", "return merges[text]", "encode: TypeError: ")


def test_generate_writes_what_llmlib_would(context, model):
    book, ids = "06_sampling", model.tokenizer.encode(PROMPT)
    nucleus = {"temperature": 1.0, "top_p": 0.9, "seed": 0}
    with opened(context, book, draw=None) as page:
        for choice, settings in (("greedy", {}), ("top_p", nucleus)):
            written = model.tokenizer.decode([*generate(model, ids, NEW_TOKENS, **settings)])
            card(page).get_by_label("Choose by").select_option(choice)
            place = run(page, PROMPT)
            assert place.locator(".written").inner_text() == PROMPT + written
            expect(place).to_contain_text(re.compile(r"generate writes the \d+ tokens that "))
            expect(place).to_contain_text("The course’s: draw.")
        says(page, book, "sample", "return logits.argmin(-1)", "generate differs from the engine ")
        says(page, book, "sample", "return torch.tensor([49152])", "and gave 49152")
        wrong = "yield model(ids[:2])[0, -1].argmax().item()"
        count = len(model.tokenizer.encode(TEXT))
        said = f"was to read the {count} ids so far: it was given others"
        says(page, book, "generate", wrong, said)
        endless = "while True:\n        yield 5"
        says(page, book, "generate", endless, f"goes on behind token {NEW_TOKENS}")
        says(page, book, "generate", "yield 5", "differs from the engine first at token 1: ")
        more = "while True:\n        yield model(ids).shape[0]\n        ids = ids + [1]"
        says(page, book, "generate", more, "so far: the text should have ended there")


def test_before_the_click_nothing_is_fetched_and_the_card_says_what_to_solve(context):
    with opened(context, "01_tokens", encode=None, decode=None) as page:
        context.server.asked.clear()
        page.reload(wait_until="networkidle")
        expect(card(page)).to_contain_text("Solve one of these first: encode, decode.")
        expect(card(page).get_by_role("button")).to_be_disabled()
        assert not {"own_model.js", "python.js", "manifest.json"} & set(context.server.asked)
