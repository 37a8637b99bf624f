"""The weights of the page: parts that any host takes, checked, kept, resumed, removed; and what a
reader is told when that fails."""

import contextlib
import hashlib
import json

import pytest
import static_server
from browser import FLAGS, new_context, new_page
from required_tools import chromium as find_chromium

from authoring.site import weights
from llmlib import assets

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PARTS = [bytes([n]) * (50_000 + n) for n in range(1, 6)]  # a small model's worth of them
NAMES = [f"model.part-{n:02}" for n in range(1, 6)]
# Read all parts; what came, or what the reader is told.
READ = """async () => {
  const { download } = await import("./assets/engine/download.js");
  const url = new URL("weights/manifest.json", document.baseURI).href, sizes = [], told = [];
  try {
    for await (const part of download(url, "the model", each => told.push(each.loaded))) {
      sizes.push([part[0], part.length]);
    }
  } catch (error) {
    return { sizes, told, error: error.message };
  }
  return { sizes, told };
}"""
WHOLE = [[part[0], len(part)] for part in PARTS]


def isKept(page):
    return page.evaluate(
        """async () => {
        const { Engine } = await import("./assets/engine/engine.js");
        return Engine.isKept();
        }"""
    )


@pytest.fixture
def small(tmp_path):
    """The site with a small file in place of the model, served."""
    static_server.lay_out(tmp_path)
    (tmp_path / "weights").mkdir()
    for name, part in zip(NAMES, PARTS, strict=True):
        (tmp_path / "weights" / name).write_bytes(part)
    write_manifest(tmp_path, PARTS)
    with static_server.served(tmp_path) as server:
        yield server


def write_manifest(folder, parts):
    def described(content):
        return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    named = [{"name": name} | described(part) for name, part in zip(NAMES, parts)]
    manifest = {"file": "model.gguf"} | described(b"".join(parts)) | {"parts": named}
    (folder / "weights/manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def page(chromium, small):
    with new_page(chromium) as page:
        page.goto(f"{small.address}/index.html")
        yield page


def fetched(server):
    """The parts that were asked for since the last call."""
    names = [name for name in server.asked if name in NAMES]
    server.asked.clear()
    return names


def test_the_parts_are_the_packages_file_and_small_enough_for_any_host(tmp_path):
    manifest = weights.write(tmp_path)
    assert json.loads((tmp_path / "weights/manifest.json").read_text()) == manifest
    source = assets.smollm2_gguf().read_bytes()
    parts = [(tmp_path / "weights" / each["name"]).read_bytes() for each in manifest["parts"]]
    assert b"".join(parts) == source and manifest["size"] == len(source)
    assert manifest["sha256"] == hashlib.sha256(source).hexdigest()
    for part, each in zip(parts, manifest["parts"], strict=True):
        assert each["size"] == len(part) < 25e6
        assert each["sha256"] == hashlib.sha256(part).hexdigest()
    assert {path.name for path in (tmp_path / "weights").iterdir()} == {
        "manifest.json",
        *(each["name"] for each in manifest["parts"]),
    }


def test_parts_are_fetched_once_kept_and_removed(page, small):
    assert not isKept(page)
    first = page.evaluate(READ)
    assert first["sizes"] == WHOLE and "error" not in first
    assert first["told"] == sorted(first["told"])
    assert first["told"][-1] == sum(map(len, PARTS))
    assert fetched(small) == NAMES
    assert isKept(page)
    page.reload()
    assert page.evaluate(READ)["sizes"] == WHOLE
    assert fetched(small) == []
    removing = """async () => {
        const { Engine } = await import("./assets/engine/engine.js");
        return [await Engine.remove(), await Engine.remove()];
    }"""
    assert page.evaluate(removing) == [True, False]
    assert not isKept(page)
    assert page.evaluate(READ)["sizes"] == WHOLE
    assert fetched(small) == NAMES


def test_a_lost_connection_costs_one_part(page, small):
    small.faults[NAMES[3]] = static_server.body(PARTS[3][:20_000], length=len(PARTS[3]))
    found = page.evaluate(READ)
    assert found["sizes"] == WHOLE[:3]
    assert found["error"] == (
        "The download stopped at 0 of 0 MB: check the connection and try again. "
        "What has arrived is kept."
    )
    assert fetched(small) == NAMES[:3] + 3 * NAMES[3:4]  # it tries three times
    assert not isKept(page)
    small.faults.clear()
    page.reload()
    assert page.evaluate(READ)["sizes"] == WHOLE
    assert fetched(small) == NAMES[3:]
    assert isKept(page)


OTHER = PARTS[1][:-1] + b"?"


@pytest.mark.parametrize(
    "fault, said",
    [
        (static_server.body(OTHER), "The download arrived damaged, in part 2 of 5: try again."),
        (
            static_server.body(PARTS[1][:-7]),
            "The download is not whole: part 2 of 5 came in the wrong length. Try again.",
        ),
        (
            static_server.body(PARTS[1] + b"?"),
            "The download is not whole: part 2 of 5 came in the wrong length. Try again.",
        ),
        (
            static_server.status(503),
            "The server refused part 2 of 5 of the model (503): try again later.",
        ),
    ],
    ids=["damaged", "short", "long", "refused"],
)
def test_a_bad_part_is_one_sentence_and_is_not_kept(page, small, fault, said):
    small.faults[NAMES[1]] = fault
    found = page.evaluate(READ)
    assert found["error"] == said and found["sizes"] == WHOLE[:1]
    small.faults.clear()
    fetched(small)
    assert page.evaluate(READ)["sizes"] == WHOLE
    assert fetched(small) == NAMES[1:]


@pytest.mark.parametrize(
    "fault, said",
    [
        (static_server.status(404), "This site lacks the model (404 for "),
        (
            static_server.body(b'{"file": "mod'),
            "The list of the parts of the model arrived damaged",
        ),
    ],
    ids=["missing", "damaged"],
)
def test_without_a_manifest_the_reader_is_told(page, small, fault, said):
    small.faults["manifest.json"] = fault
    assert said in page.evaluate(READ)["error"]


def test_without_a_connection_the_reader_is_told(page, small):
    page.evaluate("() => import('./assets/engine/download.js')")
    small.stop()
    try:
        assert "There is no connection" in page.evaluate(READ)["error"]
    finally:
        small.start()


def test_a_kept_part_that_went_bad_is_fetched_again(page, small):
    page.evaluate(READ)
    fetched(small)
    page.evaluate(
        """async name => {
        const [storage] = (await caches.keys()).filter(each => each.includes("weights"));
        const url = new URL("weights/" + name, document.baseURI).href;
        await (await caches.open(storage)).put(url, new Response("no longer the same"));
        }""",
        NAMES[4],
    )
    assert page.evaluate(READ)["sizes"] == WHOLE
    assert fetched(small) == NAMES[4:]


def test_a_new_release_replaces_the_parts_that_changed_and_removes_those_that_went(page, small):
    page.evaluate(READ)
    fetched(small)
    parts = [*PARTS[:2], b"\x09" * 1000, PARTS[3]]
    (small.folder / "weights" / NAMES[2]).write_bytes(parts[2])
    write_manifest(small.folder, parts)
    assert page.evaluate(READ)["sizes"] == [*WHOLE[:2], [9, 1000], WHOLE[3]]
    assert fetched(small) == NAMES[2:3]
    kept = page.evaluate(
        """async () => {
        const [storage] = (await caches.keys()).filter(each => each.includes("weights"));
        return (await (await caches.open(storage)).keys()).map(({ url }) => url.split("/").at(-1));
        }"""
    )
    assert sorted(kept) == ["manifest.json", *NAMES[:4]]


def test_a_browser_without_room_is_told(page, small):
    session = page.context.new_cdp_session(page)
    quota = {"origin": small.address, "quotaSize": 100_000}
    session.send("Storage.overrideQuotaForOrigin", quota)
    assert "This browser has no room for the model" in page.evaluate(READ)["error"]
    assert len(fetched(small)) < len(NAMES), "the download ends where the room does"
    session.send("Storage.overrideQuotaForOrigin", {"origin": small.address})
    assert page.evaluate(READ)["sizes"] == WHOLE


# ---- with the model itself


START = """async () => {
  const { Engine } = await import("./assets/engine/engine.js");
  try {
    window.engine = await Engine.start();
  } catch (error) {
    return error.message;
  }
  const ids = (await engine.encode("The capital of France is")).map(({ id }) => id);
  return engine.decode(await engine.generate(ids, { max_new_tokens: 3 }));
}"""

SECTIONS = '[{"url": "a", "page": "p", "title": "Heads", "text": "look back", "guide": false}]'
SEARCH = """async () => {
  const { find, indexOf } = await import("./assets/search.js");
  const index = await indexOf(await (await fetch("search.json")).json());
  return find(index, "head").map(each => each.url);
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = static_server.lay_out(tmp_path_factory.mktemp("site"))
    weights.write(folder)
    (folder / "search.json").write_text(SECTIONS, encoding="utf-8")
    return folder


def test_the_page_answers_with_its_server_stopped(chromium, site):
    with static_server.served(site) as server, new_context(chromium) as context:
        page = context.new_page()
        page.goto(f"{server.address}/index.html")
        page.evaluate("""() => import("./assets/site.js").catch(() => {})""")  # as every page does
        assert page.evaluate(START) == " Paris.\n"
        kept = (
            "async () => (await caches.keys()).length === 2 && navigator.serviceWorker.controller"
        )
        page.wait_for_function(f"({kept})().then(Boolean)")
        page.wait_for_function(
            """async () => {
            const pages = await caches.open(`llmlib-site ${new URL("./", location)}`);
            const names = ["assets/engine/kernel.wasm", "search.json"];
            return (await Promise.all(names.map(each => pages.match(each)))).every(Boolean);
            }"""
        )
        server.stop()
        try:
            page.reload()
            assert page.title() == "A page"
            assert page.evaluate(START) == " Paris.\n"
            assert page.evaluate(SEARCH) == ["a"]  # though nobody had searched before
        finally:
            server.start()


def test_a_browser_without_simd_is_told(chromium, site):
    """A processor without SSE 4.1, as far as the browser knows."""
    flags = [*FLAGS, "--js-flags=--no-enable-sse4-1"]
    old = chromium.browser_type.launch(executable_path=find_chromium()[0], args=flags)
    with static_server.served(site) as server, contextlib.closing(old):
        page = old.new_page()
        page.goto(f"{server.address}/index.html")
        said = page.evaluate(START)
    assert said == (
        "This browser's WebAssembly lacks SIMD, which the model needs: update it, or take another "
        "one."
    )
    assert not [name for name in server.asked if ".gguf" in name], "nothing is downloaded in vain"
