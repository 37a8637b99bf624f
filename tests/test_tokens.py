"""Token ids against the reference tokenizers, training against `tokenizers`, and cases worked by
hand."""

import functools
import json
import random
import sys
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers, processors, trainers
from tokenizers import Tokenizer as Reference

from llmlib import assets, pretokenizer, tokens
from llmlib.tokenizer_files import BYTE_TO_CHAR, CHAR_TO_BYTE
from llmlib.tokens import Tokenizer, split, train_bpe

pytestmark = [pytest.mark.unit, pytest.mark.verdict()]


@functools.cache
def gpt2_reference():
    encoder, merges = assets.gpt2_tables()
    reference = Reference(
        models.BPE(vocab=encoder, merges=[tuple(line.split(" ")) for line in merges])
    )
    reference.pre_tokenizer, reference.decoder = (
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoders.ByteLevel(),
    )
    reference.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=False)])
    return reference


PAIRS = {
    "gpt2": lambda: (Tokenizer.gpt2(), gpt2_reference()),
    "smollm2": lambda: (
        Tokenizer.smollm2(),
        Reference.from_file(str(assets.smollm2_folder() / "tokenizer.json")),
    ),
}


SENTENCES = [
    "The quick brown fox jumps over the lazy dog, didn't it? ",
    "It's 3.14159 or 2,718 – we'll see at 10:45.\n",
    "def f(x):\n    return {x: [1, 2]}  # done\n\n",
    "Über den Wäldern flog der Vogel; größer als geahnt. ",
    "语言模型预测下一个词。",
    "نموذج اللغة يتنبأ بالكلمة التالية. ",
    "🙂👩‍👩‍👧‍👦🇫🇷 ",
    "\t\x00\x01\x07\x1f \x85\u2028 \r\n  ",
    "   trailing   ",
    "İstanbul ǅ ﬁ ½ ² Ⅷ ١٢٣ ",
    "CamelCaseHTTPServer_v2 ",
    "aaaaaaaaaaaaaaaa",
    "<|endoftext|>",
    "<|im_start|>user\n",
    "e\u0301 a\u0300 ",
]


LETTERS = [range(32, 127), range(0xA0, 0x530), range(0x4E00, 0x9FA5), range(0x1F300, 0x1F5FF)]


def mixed_text(n_characters, seed=0):
    rng, text = random.Random(seed), ""
    while len(text) < n_characters:
        if rng.random() < 0.7:
            text += rng.choice(SENTENCES)
        else:
            text += "".join(chr(rng.choice(rng.choice(LETTERS))) for _ in range(12))
    return text


@pytest.mark.slow
@pytest.mark.parametrize("size", [20_000, pytest.param(800_000, marks=pytest.mark.proof)])
@pytest.mark.parametrize("name", PAIRS)
def test_ids_equal_the_reference_on_long_texts(name, size):
    ours, reference = PAIRS[name]()
    text = mixed_text(size)
    assert ours.encode(text) == reference.encode(text).ids


def test_smollm2_drops_the_bytes_it_has_no_token_for_as_the_reference_does():
    ours, reference = PAIRS["smollm2"]()
    missing = [b for b in range(128) if bytes([b]) not in ours.vocab.values()]
    assert missing
    text = "a" + "".join(map(chr, missing)) + "b"
    assert ours.encode(text) == reference.encode(text).ids
    assert ours.decode(ours.encode(text)) == "ab"


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_gpt2_round_trip(text):
    tokenizer = _gpt2()
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert "".join(tokenizer.stream(tokenizer.encode(text))) == text


@functools.cache
def _gpt2():
    return Tokenizer.gpt2()


@functools.cache
def _smollm2():
    return Tokenizer.smollm2()


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(max_codepoint=0x2FFF, exclude_categories=("Cs", "Cn"))))
def test_gpt2_ids_of_any_text(text):
    assert _gpt2().encode(text) == gpt2_reference().encode(text).ids


def test_ids_written_in_papers_and_model_cards():
    gpt2, smollm2 = Tokenizer.gpt2(), Tokenizer.smollm2()
    assert gpt2.encode("Hello, world!") == [15496, 11, 995, 0]
    assert gpt2.encode("The future of AI is") == [464, 2003, 286, 9552, 318]
    assert gpt2.decode([7590]) == " Brook"
    assert smollm2.encode("What is machine learning?") == [1780, 314, 3746, 1380, 47]
    assert len(gpt2.vocab) == 50257 and len(smollm2.vocab) == 49152


def test_training_stops_when_no_pairs_are_left():
    assert train_bpe("ab", 300) == [(b"a", b"b")]
    assert train_bpe("", 300) == []
    with pytest.raises(ValueError, match="ask for at least that many"):
        train_bpe("ab", 256, ["<end>"])


@pytest.mark.parametrize("seed", range(4))
def test_training_gives_the_merges_of_the_reference(seed):
    text = mixed_text(20_000, seed) + " " + "abab baab aaab " * 50
    text = text.replace("<|", "")
    assert train_bpe(text, 800) == reference_merges(text, 800)


def test_a_trained_tokenizer_with_special_tokens():
    tokenizer = Tokenizer(train_bpe("low lower lowest", 262, ["<end>"]), ["<end>"])
    assert tokenizer.vocab[256 + len(tokenizer.merges)] == b"<end>"
    ids = tokenizer.encode("low<end>est")
    assert ids.count(256 + len(tokenizer.merges)) == 1
    assert tokenizer.decode(ids) == "low<end>est"
    assert tokenizer.encode("") == [] and tokenizer.decode([]) == ""


def test_bad_input_is_named():
    tokenizer = Tokenizer.gpt2()
    with pytest.raises(ValueError, match="the text holds half of .*U\\+D83D"):
        tokenizer.encode("broken \ud83d emoji")
    for several in (["Hello", "world"], b"Hello", None):
        with pytest.raises(ValueError, match="not str: encode one text at a time"):
            tokenizer.encode(several)
    with pytest.raises(ValueError, match="id 50257 is not in this vocabulary of 50257 tokens"):
        tokenizer.decode([1, 50257])
    with pytest.raises(ValueError, match="id -1"):
        tokenizer.decode([-1])
    for make in (lambda one: Tokenizer([], one), lambda one: train_bpe("hello", 300, one)):
        with pytest.raises(ValueError, match="give a list of them"):
            make("<|end|>")


def test_a_tokenizer_of_another_kind_is_refused_by_name(tmp_path):
    path = tmp_path / "tokenizer.json"
    reference = Reference(models.WordPiece({"a": 0}))
    reference.pre_tokenizer = pre_tokenizers.Whitespace()
    reference.save(str(path))
    with pytest.raises(ValueError, match="Whitespace is not supported"):
        Tokenizer.from_file(path)


# Llama 3's, of which SmolLM3's, Qwen's and others differ in little.
LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
A = ("a", 97)
DEEPSEEK = [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"\s+$", "[一-龥ࠀ-一가-퟿]+", r"\p{N}"]


def byte_level(*splits, behavior="isolated", invert=False, after=None, **model):
    """A small tokenizer of the reference library, which cuts text by `splits`."""
    merges = train_bpe(mixed_text(3000), 400)
    table = [bytes([b]) for b in range(256)] + [left + right for left, right in merges]
    table = ["".join(map(BYTE_TO_CHAR.get, token)) for token in table]
    pairs = [tuple("".join(map(BYTE_TO_CHAR.get, part)) for part in pair) for pair in merges]
    vocab = {token: i for i, token in reversed(list(enumerate(table)))}
    reference = Reference(models.BPE(vocab=vocab, merges=pairs, **model))
    steps = [pre_tokenizers.Split(Regex(each), behavior, invert) for each in splits]
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    reference.pre_tokenizer = pre_tokenizers.Sequence([*steps, last])
    reference.decoder = decoders.ByteLevel()
    reference.post_processor = after or processors.ByteLevel()
    return reference


@pytest.mark.parametrize(
    "splits",
    [
        [r"\p{N}"],
        [r"a|\p{N}{1,3}", LLAMA3_SPLIT],
        [LLAMA3_SPLIT],
        DEEPSEEK,
        [r"e$", "^t"],
        [r"(?=1)"],
    ],
)
def test_what_stands_between_the_matches_of_a_split_is_kept(tmp_path, splits):
    reference, text = byte_level(*splits), "a 12 b  \nthe\nthe\n" + mixed_text(20_000)
    reference.save(str(tmp_path / "tokenizer.json"))
    ours = Tokenizer.from_file(tmp_path / "tokenizer.json")
    assert "".join(split(text, ours.patterns)) == text
    assert ours.encode(text) == reference.encode(text).ids


@pytest.mark.parametrize(
    "reference, says",
    [
        (byte_level(r"(\p{N})"), "it has groups"),
        (byte_level(r"\p{N}", behavior="removed"), "Split is not supported"),
        (byte_level(r"\p{N}", invert=True), "Split is not supported"),
        (byte_level(r"\p{N}{0,99}+*"), "cannot be read"),
        (byte_level(ignore_merges=True), "ignore_merges is not supported"),
        (byte_level(dropout=0.5), "dropout is not supported"),
        (byte_level(after=processors.TemplateProcessing("a $A", None, [A])), "that adds tokens"),
        (byte_level(after=processors.RobertaProcessing(A, A)), "that adds tokens"),
        (byte_level(after=processors.BertProcessing(A, A)), "that adds tokens"),
    ],
)
def test_what_would_give_other_ids_is_refused_by_name(tmp_path, reference, says):
    reference.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match=says):
        Tokenizer.from_file(tmp_path / "tokenizer.json")


@pytest.mark.parametrize("kind", ["lstrip", "rstrip", "single_word"])
def test_an_added_token_that_takes_its_surroundings_is_refused_by_name(tmp_path, kind):
    reference = byte_level()
    reference.add_special_tokens([AddedToken("<m>", **{kind: True})])
    reference.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match=f"{kind} is not supported"):
        Tokenizer.from_file(tmp_path / "tokenizer.json")


def test_gpt2s_own_file_names_no_type_of_model(tmp_path):
    """As openai-community/gpt2 has it: written before tokenizers kept that field."""
    spec = json.loads(byte_level(LLAMA3_SPLIT).to_str())
    del spec["model"]["type"]
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    reference = Reference.from_file(str(tmp_path / "tokenizer.json"))
    ours, text = Tokenizer.from_file(tmp_path / "tokenizer.json"), mixed_text(2000)
    assert ours.encode(text) == reference.encode(text).ids


@pytest.mark.parametrize("change", [{"model": 3}, {"pre_tokenizer": {"type": "Sequence"}}])
def test_a_file_of_another_shape_is_refused_by_its_name(tmp_path, change):
    spec = json.loads(byte_level().to_str()) | change
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    with pytest.raises(ValueError, match="tokenizer.json is no tokenizer.json of byte-level"):
        Tokenizer.from_file(tmp_path / "tokenizer.json")


def test_bytes_for_which_another_token_stands_in_are_refused(tmp_path):
    """Where all bytes are in the vocabulary, nothing stands in for any."""
    path, spec = tmp_path / "tokenizer.json", json.loads(byte_level(unk_token="a").to_str())
    path.write_text(json.dumps(spec))
    text = "b\x1b"
    assert Tokenizer.from_file(path).encode(text) == Reference.from_file(str(path)).encode(text).ids
    del spec["model"]["vocab"][BYTE_TO_CHAR[0x1B]]
    path.write_text(json.dumps(spec))
    assert Reference.from_file(str(path)).encode(text).ids == [98, 97]
    with pytest.raises(ValueError, match="an unk_token for bytes that its vocabulary lacks is not"):
        Tokenizer.from_file(path)


def test_a_merge_to_what_the_vocabulary_lacks_is_refused(tmp_path):
    spec = json.loads(byte_level().to_str())
    spec["model"]["merges"].append(["q", "q"])
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    with pytest.raises(ValueError, match="a merge to 'qq', which its vocabulary lacks"):
        Tokenizer.from_file(tmp_path / "tokenizer.json")


def test_a_second_text_at_the_same_time_does_not_take_the_pieces_of_the_first():
    tokenizer = Tokenizer([])
    encode_piece, others = tokenizer._encode_piece, ["x y z"]

    def interrupted(piece):
        if others and len(tokenizer._known) > 3:  # the other text finds it full
            tokenizer.encode(others.pop())
        return encode_piece(piece)

    with mock.patch.object(tokens, "KNOWN_PIECES", 3):
        tokenizer._encode_piece = interrupted
        assert tokenizer.decode(tokenizer.encode("a b c d e f")) == "a b c d e f"
    assert not others


def reference_merges(text, vocab_size):
    reference = Reference(models.BPE())
    reference.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False
    )
    reference.train_from_iterator([text], trainer)
    merges = json.loads(reference.to_str())["model"]["merges"]
    return [tuple(bytes(CHAR_TO_BYTE[c] for c in part) for part in pair) for pair in merges]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("ab", min_size=1, max_size=30), max_size=20))
def test_training_where_pairs_overlap_and_tie(words):
    text = " ".join(words)
    assert train_bpe(text, 400) == reference_merges(text, 400)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab1é'!  \n\t\x1c\u2003"), max_size=200), st.data())
def test_chunks_end_anywhere(text, data):
    """Blocks of a few characters, read in chunks of any length, hold the pieces of the text."""
    size = data.draw(st.integers(1, 20))
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    with mock.patch.object(pretokenizer, "BLOCK", data.draw(st.integers(1, 10))):
        cut = list(pretokenizer.blocks(chunks))
        assert [piece for block in cut for piece in split(block)] == split(text)
        assert train_bpe(iter(chunks), 300, ["!a"]) == train_bpe([text], 300, ["!a"])
        for tokenizer in (_gpt2(), _smollm2()):
            assert tokenizer.encode(text) == [
                i for piece in split(text, tokenizer.patterns) for i in tokenizer.encode(piece)
            ]


def test_a_special_token_is_found_across_chunks():
    for special in ("<end>", "<the end>", " <end>"):
        text = "low lower " + special + " lowest" + special
        with mock.patch.object(pretokenizer, "BLOCK", 3):
            for size in range(1, 9):
                chunks = [text[i : i + size] for i in range(0, len(text), size)]
                assert train_bpe(chunks, 280, [special]) == train_bpe(text, 280, [special])
                tokenizer = Tokenizer([], [special])
                assert tokenizer.encode(text).count(256) == 2


def _work(function):
    """Lines of Python and calls of C that a function runs: unlike a clock, the same each time."""
    count = 0

    def line(frame, event, _):
        nonlocal count
        count += 1
        return line

    def call(frame, event, _):
        nonlocal count
        count += event == "c_call"

    sys.settrace(line)
    sys.setprofile(call)
    try:
        function()
    finally:
        sys.setprofile(None)
        sys.settrace(None)
    return count


def test_work_grows_with_the_text_also_without_spaces():
    """Ten times as long takes about ten times the steps; quadratic would be a hundred."""
    tokenizer, rng = _gpt2(), random.Random(0)
    for text in ("".join(rng.choices("abcdefgh", k=20_000)), "a" * 20_000):
        short, long = (_work(lambda n=n: tokenizer.encode(text[:n])) for n in (2_000, 20_000))
        assert short > 2_000 and long < 13 * short, (short, long)
