"""The engine in the page against llmlib: the same tokens, logits, attention, losses and draws, in
Chromium, out of the very file that the site is made with."""

import base64
import random
import unicodedata

import build_kernel
import numpy as np
import pytest
import static_server
import torch
from browser import new_page

from authoring.site import weights
from exercises.format.notebooks import ROOT
from llmlib import pretrained, sampling
from llmlib.attention import attention_maps
from llmlib.demonstrations.layers import head, residual_stream
from llmlib.output_head import log_softmax, softmax

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PROSE = (ROOT / "llmlib/data/prose.txt").read_text(encoding="utf-8")
CHAT = "<|im_start|>user\nName three rivers.<|im_end|>\n<|im_start|>assistant\n"
CODE = 'def fibonacci(n):\n    """The n-th number."""\n    a, b = 0, 1\n    for _ in range(n):\n'
PROMPTS = {
    "fact": "The capital of France is",
    "chat": CHAT,
    "code": CODE,
    "emoji": "I love 🍕 and 🧑‍🚀! My favourite emoji are 😀😃😄, and",
    "one token": "The",
    "numbers": "1, 1, 2, 3, 5, 8, 13, 21, 34, 55,",
    "Greek and Chinese": "Η πρωτεύουσα της Ελλάδας είναι η Αθήνα. 中国的首都是北京。",
    "spaces": "A table:\n\n| a |  b  |\n|---|-----|\n\t| 1 |   2 |\n",
    "German": "Es war einmal ein König, der hatte eine Tochter;",
    "long": None,  # 1,000 tokens
}
CLOSE = 0.01  # logits


@pytest.fixture(scope="module")
def model():
    return pretrained.load("smollm2")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder as the site has it: the scripts, the weights, and an empty page."""
    folder = static_server.lay_out(tmp_path_factory.mktemp("site"))
    weights.write(folder)
    return folder


@pytest.fixture(scope="module")
def page(chromium, site):
    """A page with the engine as `engine`."""
    with static_server.served(site) as server, new_page(chromium) as page:
        page.goto(f"{server.address}/index.html")
        page.evaluate(
            """async () => {
            const { Engine } = await import("./assets/engine/engine.js");
            window.sampler = await import("./assets/engine/sampler.js");
            window.engine = await Engine.start();
            window.base64 = floats => {
              const bytes = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
              let text = "";
              for (let i = 0; i < bytes.length; i += 8192)
                text += String.fromCharCode(...bytes.subarray(i, i + 8192));
              return btoa(text);
            };
            }"""
        )
        yield page
        assert not page.complaints


def floats(text):
    """What the page's base64() sent."""
    return torch.from_numpy(np.frombuffer(base64.b64decode(text), np.float32).copy())


def ids_of(model, name):
    text = PROMPTS[name]
    return model.tokenizer.encode(PROSE)[:1000] if text is None else model.tokenizer.encode(text)


def test_the_kernel_is_the_one_that_its_source_gives(tmp_path):
    build_kernel.build(tmp_path / "kernel.wasm")
    built = (tmp_path / "kernel.wasm").read_bytes()
    assert built == (build_kernel.ENGINE / "kernel.wasm").read_bytes(), (
        "kernel.c has changed: python tests/build_kernel.py builds it"
    )


@pytest.mark.parametrize("name", PROMPTS)
def test_greedy_ids_and_logits_are_those_of_llmlib(page, model, name):
    ids, cache = ids_of(model, name), model.new_cache()
    wanted, greedy = model(ids, cache, last=True)[0, -1], []
    logits = wanted
    for _ in range(64):
        greedy.append(int(logits.argmax()))
        logits = model(greedy[-1:], cache)[0, -1]
    found = page.evaluate(
        """async ids => {
        const { logits } = await engine.look(ids);
        const settings = { max_new_tokens: 64, temperature: 0, stop: [] };
        return [base64(logits), await engine.generate(ids, settings)];
        }""",
        ids,
    )
    assert (floats(found[0]) - wanted).abs().max() < CLOSE
    assert found[1] == greedy


def test_losses_are_those_of_llmlib_at_every_position(page, model):
    ids = ids_of(model, "long")
    log_p = log_softmax(model(ids)[0, :-1])
    wanted = -log_p.gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
    found = floats(page.evaluate("async ids => base64(await engine.losses(ids))", ids))
    assert found.shape == wanted.shape and (found - wanted).abs().max() < CLOSE
    assert page.evaluate("async () => (await engine.losses([5])).length") == 0


def test_attention_and_the_streams_guesses_are_those_of_llmlib(page, model):
    ids = ids_of(model, "emoji") + ids_of(model, "code")  # more than a block
    maps = attention_maps(model, ids)
    heads = [[0, 0], [0, 8], [14, 4], [29, 7]]
    found = page.evaluate(
        """async ([ids, heads]) => {
        const { attention, stream } = await engine.look(ids, { attention: heads, stream: 5 });
        const { attention: all } = await engine.look(ids.slice(0, 7), { attention: "all" });
        return [attention.map(base64), stream, all.length, base64(all[14 * 9 + 4])];
        }""",
        [ids, heads],
    )
    n = len(ids)
    for (layer, place), weights_found in zip(heads, found[0], strict=True):
        assert (floats(weights_found).view(n, n) - maps[layer, place]).abs().max() < 2e-3
    assert found[2] == maps.shape[0] * maps.shape[1]
    first_seven = floats(found[3]).view(7, 7)
    assert (first_seven - maps[14, 4, :7, :7]).abs().max() < 2e-3
    wanted = softmax(head(model, residual_stream(model, ids)[:, -1]))  # layer vocab
    assert len(found[1]) == len(wanted) == model.config.n_layer + 1
    for guesses, p in zip(found[1], wanted, strict=True):
        assert len(guesses) == 5
        largest = p.topk(5).values
        for guess, place in zip(guesses, largest, strict=True):
            assert guess["p"] == pytest.approx(p[guess["id"]].item(), abs=5e-3)
            assert guess["p"] == pytest.approx(place.item(), abs=5e-3)
            assert guess["text"] == model.tokenizer.decode([guess["id"]])


def test_a_text_read_in_blocks_gives_the_bits_of_one_read_token_by_token(page, model):
    """Also after another text with the same beginning: what was read of that is used again."""
    ids = ids_of(model, "long")[:70]
    differ = page.evaluate(
        """async ids => {
        const differ = [];
        await engine.look([7]);
        const one = [];
        for (let n = 1; n <= ids.length; n++) one.push((await engine.look(ids.slice(0, n))).logits);
        for (const n of [1, 2, 3, 4, 5, 7, 8, 31, 32, 33, 36, 63, 64, 65, 67, 70]) {
          await engine.look([7]); // nothing is known of the text
          const { logits } = await engine.look(ids.slice(0, n));
          if (!logits.every((logit, i) => logit === one[n - 1][i])) differ.push(n);
        }
        return differ;
        }""",
        ids,
    )
    assert differ == []


# ---- the tokenizer


def texts(count):
    """Texts of every kind, always the same ones."""
    rng = random.Random(45)
    special = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<repo_name>", "<|im_end", "|>"]
    spaces = [*" \n\t\u00a0\u0085\u3000\ufeff\u200b\x1c", "  ", "\r\n"]
    odd = "don't we'LL I'M 's x'd naïve ﬁ e\u0301 İ"
    words = [*PROSE.split()[:4000], *odd.split(" ")]
    emoji = ["😀", "👩‍👩‍👧", "🏳️‍🌈", "🇩🇪", "👍🏽", "☃", "❤️", "\U000e0041"]
    digits = ["0", "123", "٣٤", "½", "Ⅷ", "²", "१२", "1e-5", "3.14"]
    code = list("{}[]()<>=+-*/%&|^~!?;:,.\\\"'`@#$_")

    def anything():
        point = rng.choice([rng.randrange(0x250), rng.randrange(0x3000), rng.randrange(0x30000)])
        # what Python does not know yet the browser may: Unicode grows
        return "x" if unicodedata.category(chr(point)) in ("Cn", "Cs") else chr(point)

    kinds = [special, spaces, words, emoji, digits, code]
    for _ in range(count):
        length, plain = rng.randrange(1, 30), rng.random() < 0.5
        parts = []
        for _ in range(length):
            kind = rng.choice(kinds)
            parts.append(anything() if rng.random() < 0.2 else rng.choice(kind))
            parts += [" "] if plain else []
        yield "".join(parts)
    yield from ("", " ", "a" * 20_000, "ab" * 5_000, PROSE[:50_000], "\n" * 300, "é" * 2_000)


def test_ten_thousand_texts_become_the_tokens_of_llmlib(page, model):
    tokenizer, all_texts = model.tokenizer, list(texts(10_000))
    found = page.evaluate(
        """async texts => {
        const coded = await Promise.all(texts.map(text => engine.encode(text)));
        const ids = coded.map(tokens => tokens.map(({ id }) => id));
        const back = await Promise.all(ids.map(each => engine.decode(each)));
        const odd = coded.flatMap((tokens, i) => tokens.filter(({ text, bytes, start, end }) =>
          !(start < end && end <= texts[i].length)).map(token => [texts[i], token]));
        return [ids, back, odd.slice(0, 3), coded.slice(0, 300)];
        }""",
        all_texts,
    )
    wanted = [tokenizer.encode(text) for text in all_texts]
    wrong = [(text, a, b) for text, a, b in zip(all_texts, wanted, found[0], strict=True) if a != b]
    assert not wrong, (len(wrong), wrong[0])
    assert found[1] == [tokenizer.decode(ids) for ids in wanted]
    assert found[2] == []
    for tokens in found[3]:
        for token in tokens:
            assert bytes(token["bytes"]) == tokenizer.token_bytes(token["id"])
            assert token["text"] == tokenizer.decode([token["id"]])


# ---- the sampler


def test_recorded_draws_fall_on_the_ids_of_llmlib(page):
    rng = torch.Generator().manual_seed(45)
    cases = []
    settings = [
        {"temperature": t, "top_k": k, "top_p": p, "min_p": m}
        for t in (0.3, 1.0, 2.5)
        for k in (None, 1, 40)
        for p in (None, 0.5, 0.95, 1.0)
        for m in (None, 0.05, 1.0)
    ]
    for i, each in enumerate(settings):
        logits = 4 * torch.randn(500, generator=rng)
        if i % 3 == 0:
            logits = logits.round()  # many ties
        u = torch.rand(20, generator=rng)
        rows = logits.expand(20, -1)
        cases.append(
            {
                "logits": logits.tolist(),
                "settings": each,
                "u": u.tolist(),
                "ids": sampling.sample(rows, u, **each).tolist(),
                "kept": sampling.filter_logits(
                    logits, each["temperature"], each["top_k"], each["top_p"], each["min_p"]
                )
                .isfinite()
                .nonzero()[:, 0]
                .tolist(),
            }
        )
    found = page.evaluate(
        """cases => cases.map(({ logits, settings, u }) => {
        const row = Float32Array.from(logits), left = sampler.filter_logits(row, settings);
        return {
          ids: u.map(u => sampler.sample(row, u, settings)),
          kept: [...left.keys()].filter(id => left[id] > -Infinity),
          named: sampler.candidates(row, settings),
        };
        })""",
        cases,
    )
    for case, mine in zip(cases, found, strict=True):
        assert mine["kept"] == case["kept"], case["settings"]
        assert mine["ids"] == case["ids"], case["settings"]
        p = softmax(torch.tensor(case["logits"]) / case["settings"]["temperature"])
        order = torch.argsort(p, descending=True, stable=True)[:20].tolist()
        assert [each["id"] for each in mine["named"]] == order
        for each in mine["named"]:
            assert each["p"] == pytest.approx(p[each["id"]].item(), abs=1e-6)
            assert each["kept"] == (each["id"] in case["kept"])


@pytest.mark.parametrize("seed", [0, 7, 2**31, 2**40 + 3])
def test_a_seed_gives_the_numbers_that_torch_gives(page, seed):
    generator = torch.Generator().manual_seed(seed)
    wanted = [torch.rand(1, generator=generator).item() for _ in range(700)]
    mine = page.evaluate("seed => Array.from({ length: 700 }, sampler.newGenerator(seed))", seed)
    assert mine == wanted


def test_a_seeded_text_is_the_one_that_llmlib_draws(page, model):
    """Each id is the one whose stretch of the unit interval the draw falls in; within a hundredth
    of the next stretch, that one is right, too."""
    ids, settings = ids_of(model, "fact"), {"temperature": 0.9, "top_k": 50, "top_p": 0.95}
    told, mine = page.evaluate(
        """async ([ids, settings]) => {
        const told = [];
        const made = await engine.generate(ids, settings, token => told.push(token));
        return [told, made];
        }""",
        [ids, settings | {"seed": 1, "max_new_tokens": 40, "stop": []}],
    )
    assert [each["id"] for each in told] == mine and len(mine) == 40
    generator, same = torch.Generator().manual_seed(1), 0
    logits = model(ids + mine)[0, len(ids) - 1 : -1]
    for row, token in zip(logits, told, strict=True):
        u = torch.rand(1, generator=generator)
        left = sampling.filter_logits(row, 0.9, 50, 0.95)
        edges = softmax(left).double().cumsum(0)
        start = edges[token["id"] - 1].item() if token["id"] else 0
        assert start - 0.01 <= u.item() <= edges[token["id"]].item() + 0.01
        same += sampling.draw(softmax(left)[None], u).item() == token["id"]
        p = softmax(row / 0.9)
        assert token["p"] == pytest.approx(p[token["id"]].item(), abs=0.01)
        assert token["candidates"][0]["p"] == pytest.approx(p.max().item(), abs=0.01)
    assert same >= 39
    assert "".join(each["text"] for each in told) == model.tokenizer.decode(mine)


# ---- what a page does with it


def test_generation_ends_at_a_stop_token_and_at_a_cancel(page):
    stopped, cancelled, look, after = page.evaluate(
        """async chat => {
        const ids = (await engine.encode(chat)).map(({ id }) => id);
        const stopped = await engine.generate(ids, { max_new_tokens: 200, temperature: 0 });
        let told = 0;
        const settings = { max_new_tokens: 4000, temperature: 0, stop: [] };
        const count = () => ++told === 5 && engine.cancel();
        const cancelled = await engine.generate(ids, settings, count);
        const looking = engine.look(Array(3000).fill(5)).catch(error => error.name);
        setTimeout(() => engine.cancel(), 300);
        const look = await looking;
        return [stopped, cancelled, look, await engine.generate(ids, { max_new_tokens: 3 })];
        }""",
        CHAT,
    )
    assert stopped[-1] == 2 and 2 not in stopped[:-1] and len(stopped) < 200
    assert 5 <= len(cancelled) < 50
    assert look == "AbortError"
    assert after == stopped[:3]


def sentence(page, expression):
    return page.evaluate(
        f"async () => {{ try {{ await {expression}; }} catch (error) {{ return error.message; }} }}"
    )


@pytest.mark.parametrize(
    "expression, said",
    [
        ("engine.look([])", "The text is empty"),
        ("engine.losses([])", "The text is empty"),
        ("engine.look([49152])", "id 49152 is not in this model's vocabulary of 49152 tokens"),
        (
            "engine.look(Array(8193).fill(1))",
            "is 8193 tokens long, but this model's context holds 8192",
        ),
        ("engine.generate(Array(8192).fill(1))", "fills the model's context of 8192 tokens"),
        ("engine.generate([1], { temperature: -1 })", "temperature is -1"),
        ("engine.generate([1], { top_p: 0 })", "top_p is 0"),
        ("engine.look([1], { attention: [[30, 0]] })", "there is no head 0 in layer 30"),
        ("engine.look(Array(2000).fill(1), { attention: 'all' })", "ask for fewer heads"),
        ("engine.encode('a\\ud800')", "half of a character"),
        ("engine.decode([-1])", "id -1 is not in this vocabulary"),
    ],
)
def test_bad_input_is_one_sentence_and_the_engine_goes_on(page, expression, said):
    assert said in sentence(page, expression)
    assert page.evaluate("async () => (await engine.encode('Hi')).length") == 1
