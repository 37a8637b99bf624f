"""The landing page in a real browser: it shows what llmlib says, recorded and live, and it loses
nothing that a reader typed."""

import re

import landing_site
import pytest
from browser import new_context, new_page, new_tab
from landing_site import figures, near, percent, plain
from playwright.sync_api import expect
from static_server import body, served

from llmlib import output_head, sampling
from llmlib.demonstrations.layers import head, residual_stream
from llmlib.widgets.attention_explorer import run as attention_maps

pytestmark = pytest.mark.browser
MINE = "My grandmother keeps bees. Every morning my grandmother"
OTHER = "One bee flew out"


@pytest.fixture(scope="module")
def server():
    with served(landing_site.built()) as started:
        yield started


@pytest.fixture
def address(server):
    yield f"{server.address}/index.html"
    server.faults.clear()


@pytest.fixture
def still(chromium, address):
    """The page, for a reader who wants nothing to move."""
    with new_page(chromium, reduced_motion="reduce") as page:
        page.goto(address)
        expect(page.locator(".heads")).to_be_visible()
        yield page


def rows(page, selector):
    return [plain(each.inner_text()) for each in page.locator(selector).all()]


# The page as it is written -----------------------------------------------------------------------


# Recorded ----------------------------------------------------------------------------------------


def test_the_pictures_of_the_recorded_text_say_what_the_model_says(still):
    model, found = landing_site.model(), figures("recorded")
    for made in (0, 1):
        ids = [each["id"] for each in found["tokens"][: found["prompt_length"] + made]]
        expect(still.locator("#text .chip")).to_have_count(len(ids))
        _pictures_say(still, model, ids)
        if not made:
            still.get_by_role("button", name="Next token").click()
            expect(still.locator(".drawn li")).to_have_count(1)
    shares = output_head.softmax(model(ids[:-1], last=True)[0, -1])
    rank = (shares > shares[ids[-1]]).sum().item() + 1
    word = found["tokens"][len(ids) - 1]["text"].replace(" ", "·")
    drawn = f"{word} {percent(shares[ids[-1]].item())} rank {rank}"
    assert rows(still, ".drawn li") == [drawn]
    still.get_by_role("button", name="One token back").click()
    expect(still.locator("#text .chip")).to_have_count(found["prompt_length"])


def _pictures_say(page, model, ids):
    """Every number on the page, held against llmlib."""
    decode, config = model.tokenizer.decode, model.config
    logits = model(ids, last=True)[0, -1]
    shares = output_head.softmax(logits)
    best = shares.topk(6).indices.tolist()
    shown = {i: decode([i]).replace(" ", "·").replace("\n", "⏎") for i in {*best, *ids}}
    expect(page.locator("[data-picture=again] .cache span")).to_have_count(len(ids))
    for row, i in zip(rows(page, "#next li"), best, strict=True):
        word, share = re.fullmatch(r"(.*) <?([\d.]+) %", row).groups()
        assert (word, near([float(share)], [100 * shares[i].item()], 0.55)) == (shown[i], True)
    expect(page.locator("table.scores tbody tr").first).to_contain_text(shown[best[0]])
    for row, i in zip(rows(page, "table.scores tbody tr"), best, strict=True):
        word, logit, share = re.fullmatch(r"(.*?) (-?\d+\.\d\d) <?([\d.]+) %", row).groups()
        assert word == shown[i]
        assert near([float(logit)], [logits[i].item()], 0.015)
        assert near([float(share)], [100 * shares[i].item()], 0.55)
    assert rows(page, "[data-picture=tokens] .with-id small") == [str(i) for i in ids]
    stream = residual_stream(model, ids)[:, -1]
    layers = output_head.softmax(head(model, stream))
    first = [plain(each) for each in page.locator(".stream .number").all_inner_texts()]
    for each, layer in zip(first, layers, strict=True):
        assert abs(float(each.split()[0]) - 100 * layer.max().item()) < 0.6
    maps, _ = attention_maps(model, model.parts.attention, ids)
    row = maps[17, 5, -1]
    sentence = plain(page.locator("[data-picture=attention] .found").inner_text())
    most = shown[ids[row.argmax()]]
    assert sentence.startswith(f"Layer 17, head 5: {shown[ids[-1]]} takes most from {most} (")
    under = [plain(each).split()[0] for each in page.locator(".looking small").all_inner_texts()]
    for each, share in zip(under, row.tolist(), strict=True):
        assert abs(float(each.replace("<", "")) - 100 * share) < 0.6
    settings = figures("recorded")["settings"]
    left = output_head.softmax(sampling.filter_logits(logits, *settings.values()))
    survivors = plain(page.locator("[data-picture=choice] .found").inner_text())
    kept = int(survivors.split()[0].replace(",", ""))
    assert abs(kept - (left > 0).sum().item()) <= max(1, 0.02 * kept)
    for row in rows(page, "[data-picture=choice] .likely li"):
        word = row.split()[0]
        match = [
            i for i in shares.topk(12).indices.tolist() if decode([i]).replace(" ", "·") == word
        ]
        if not match:
            continue  # a token of blanks only
        assert ("cut" in row) == (left[match[0]] == 0), row
    numbers = 2 * config.n_layer * config.n_kv_head * config.head_dim * len(ids)
    held = plain(page.locator("[data-picture=again] .found").inner_text())
    assert f"{len(ids)} tokens, {4 * numbers / 1e6:.2f} MB" in held


def test_without_the_model_nothing_is_promised_that_the_recorded_run_does_not_do(still):
    found = figures("recorded")
    choice, onward = still.locator("[data-picture=choice]"), still.locator("#onward")
    expect(onward).to_have_text("Next token ▶")  # the recorded token is the one that is drawn
    choice.get_by_label("u", exact=True).fill("0.001")
    expect(onward).to_have_text("Needs the model")
    expect(choice.locator(".found").first).to_contain_text("The recorded run went on with ·her")
    onward.click()
    expect(still.locator("#run-status")).to_contain_text("run the model here")
    expect(still.locator("#text .chip")).to_have_count(found["prompt_length"])
    choice.get_by_role("button", name="As it was recorded").click()
    for made, token in enumerate(found["tokens"][found["prompt_length"] :][:-1], 1):
        word = token["text"].replace(" ", "·").replace("\n", "⏎")
        expect(choice.get_by_role("img")).to_have_attribute(
            "aria-label", re.compile(f"picks {re.escape(word)}\\.$")
        )
        onward.click()
        expect(still.locator("#text .new")).to_have_count(made)
    choice.get_by_label("temperature").fill("0")
    still.get_by_role("button", name="Play again").click()
    expect(choice.get_by_label("temperature")).to_have_value("0.8")


FOCUSED = """() => {
  const each = document.activeElement, bar = document.querySelector(".run-bar");
  const under = !bar.contains(each) && !each.closest("footer")
    && each.getBoundingClientRect().bottom > bar.getBoundingClientRect().top;
  const part = each.closest("section, .run-bar");
  return [part?.id || part?.className, under, each.className];
}"""


def test_the_tab_key_leads_through_the_page_and_never_below_the_bar(still):
    seen = []
    still.keyboard.press("Tab")
    while still.evaluate("document.activeElement !== document.body"):  # once through
        seen.append(still.evaluate(FOCUSED))
        still.keyboard.press("Tab")
    assert 30 < len(seen) < 60
    assert not [part for part, under, _ in seen if under]
    parts = list(dict.fromkeys(part for part, *_ in seen))
    order = [parts.index(part) for part in ("hero", "run", "stage-tokens", "stage-choice")]
    assert order == sorted(order)
    rows = [name for *_, name in seen if "guess-row" in name]
    assert len(rows) == 1  # all layers are one stop


VIEW = {"layer": "4", "head": "2", "temperature": "0", "top-k": "7", "top-p": "0.5"}


def shown_view(page):
    return {name: page.get_by_label(name, exact=True).input_value() for name in VIEW}


def test_a_copied_link_brings_back_what_was_seen(chromium, address):
    options = {"reduced_motion": "reduce", "permissions": ["clipboard-read", "clipboard-write"]}
    with new_context(chromium, **options) as context, new_tab(context) as page:
        page.goto(address)
        for name, value in VIEW.items():
            page.get_by_label(name, exact=True).fill(value)
        copy = page.locator("#stage-attention .copy-view")
        copy.focus()
        copy.press("Enter")
        expect(copy).to_have_text("Link copied")
        link = page.evaluate("navigator.clipboard.readText()")
        assert link == page.url and link.startswith(f"{address}#text=The+king")
        expect(copy).to_have_text("Copy a link to this view")
        assert not page.complaints
    with new_page(chromium, width=390, reduced_motion="reduce") as page:
        page.goto(link)
        expect(page.locator(".looking")).to_be_visible()
        assert shown_view(page) == VIEW
        expect(page.locator("[data-picture=attention] .found")).to_contain_text("Layer 4, head 2")
        expect(page.locator("#h-attention")).to_be_in_viewport()
        page.goto(f"{address}#head=8&top_k=0")
        expect(page.locator("[data-picture=attention] .found")).to_contain_text("head 8")
        assert shown_view(page)["top-k"] == "0"
        assert not page.complaints


def test_a_link_with_a_text_of_its_own_says_what_it_needs(chromium, address):
    with new_page(chromium, reduced_motion="reduce") as page:
        page.goto(f"{address}#text=100%25+caf%C3%A9+%26+tea&layer=17&at=attention")
        expect(page.locator("#prompt")).to_have_value("100% café & tea")
        status_line = page.locator("#run-status")
        expect(status_line).to_contain_text("The link has a text of its own")
        expect(status_line).to_be_in_viewport()
        assert not page.complaints


@pytest.mark.parametrize("wrong", ["layer=30", "head=1.5", "top_k=", "colour=red"])
def test_what_a_link_asks_in_vain_is_one_sentence(chromium, address, wrong):
    with new_page(chromium, reduced_motion="reduce") as page:
        page.goto(f"{address}#{wrong}&min_p=0.3")
        name, _, value = wrong.partition("=")
        said = (
            f"The link asks for {name} {value}, which is not on this page. The rest is as it says."
        )
        expect(page.locator("#run-status")).to_have_text(said)
        assert page.get_by_label("min-p", exact=True).input_value() == "0.3"
        assert page.get_by_label("layer", exact=True).input_value() == "17"
        assert not page.complaints


def test_half_an_address_leaves_the_page_whole(chromium, address):
    with new_page(chromium, reduced_motion="reduce") as page:
        page.goto(f"{address}#text=100%")
        expect(page.locator("#prompt")).to_have_value("100%")
        page.locator("#search-open").click()
        expect(page.locator("#search")).to_be_visible()


# Live --------------------------------------------------------------------------------------------


def test_what_was_typed_stays_without_the_model(still):
    still.locator("#prompt").fill(MINE)
    still.get_by_role("button", name="Read it").click()
    expect(still.locator("#run-status")).to_contain_text("Run here")
    assert len(rows(still, "#text .chip")) == figures("recorded")["prompt_length"]
    still.reload()
    expect(still.locator("#prompt")).to_have_value(MINE)


@pytest.mark.journey
def test_the_model_in_the_page(chromium, server, address):
    model = landing_site.model()
    with new_context(chromium, reduced_motion="reduce") as context, new_tab(context) as page:
        page.goto(address)
        page.locator("#prompt").fill(MINE)
        server.faults["manifest.json"] = body(b"{")
        page.get_by_role("button", name="Run here (98 MB, once)").click()
        status_line = page.locator("#run-status")
        expect(status_line).to_contain_text("try again", ignore_case=True)
        assert len(status_line.inner_text()) < 250
        expect(page.locator("#prompt")).to_have_value(MINE)
        expect(page.locator("#text .chip")).to_have_count(figures("recorded")["prompt_length"])
        server.faults.clear()
        page.get_by_role("button", name="Run here (98 MB, once)").click()
        expect(page.locator("#progress")).to_be_visible()
        expect(status_line).to_contain_text("Live", timeout=240_000)
        ids = model.tokenizer.encode(MINE)
        expect(page.locator("[data-picture=tokens] .with-id")).to_have_count(len(ids))
        _pictures_say(page, model, ids)

        page.locator("[data-picture=choice]").get_by_label("temperature").fill("0")
        new = [model(ids, last=True)[0, -1].argmax().item()]
        page.get_by_role("button", name="Next token").click()
        expect(page.locator("#text .chip")).to_have_count(len(ids) + 1)
        for _ in range(60):
            new.append(model([*ids, *new], last=True)[0, -1].argmax().item())
        page.get_by_role("button", name="Full speed").click()
        expect(status_line).to_contain_text("a second", timeout=120_000)
        words = [model.tokenizer.decode([i]).replace(" ", "·").replace("\n", "⏎") for i in new]
        expect(page.locator("#text .new")).to_have_count(len(new))
        assert page.locator("#text .new").all_inner_texts() == words

        page.get_by_role("button", name="One token back").click()
        expect(page.locator("#text .new")).to_have_count(len(new) - 1)
        page.get_by_role("button", name="Full speed").click()
        page.locator("#prompt").fill(OTHER)  # while the model still writes
        page.get_by_role("button", name="Read it").click()
        others = model.tokenizer.encode(OTHER)
        expect(page.locator("#text .chip")).to_have_count(len(others))
        page.locator("[data-picture=choice]").get_by_label("temperature").fill("0.8")
        page.wait_for_timeout(3000)
        _pictures_say(page, model, others)

        page.locator("#prompt").fill("")
        page.get_by_role("button", name="Read it").click()
        expect(status_line).to_have_text("Type a text first.")
        page.get_by_role("button", name="Remove the model").click()
        expect(status_line).to_contain_text("Removed")
        page.reload()
        expect(page.get_by_role("button", name="Run here (98 MB, once)")).to_be_visible()
        bad = [each for each in page.complaints if "manifest" not in each]
        assert not bad
