"""Small checkpoints with random weights, made and run by transformers, to test functions on."""

import tempfile

import torch

from llmlib import pretrained


def _kinds():
    import transformers

    gpt2 = {"n_positions": 64, "n_embd": 48, "n_layer": 6, "n_head": 4}
    gpt2 |= {"bos_token_id": 0, "eos_token_id": 0}
    llama = {"hidden_size": 48, "intermediate_size": 128, "num_hidden_layers": 6}
    llama |= {"num_attention_heads": 4, "num_key_value_heads": 2}
    return {
        "gpt2": (transformers.GPT2LMHeadModel, transformers.GPT2Config(vocab_size=500, **gpt2)),
        "llama": (transformers.LlamaForCausalLM, transformers.LlamaConfig(vocab_size=500, **llama)),
    }


def logits_apart(family, parts):
    """How far the logits of the engine with these `parts` ({name: function}) are from those of
    transformers, for a checkpoint of `family`, "gpt2" or "llama", with random weights."""
    kind, config = _kinds()[family]
    ids = torch.randint(500, (2, 20), generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(0)
    theirs = kind(config).eval()
    with torch.no_grad():  # no two weights alike: a forgotten bias or a swapped norm would show
        for parameter in theirs.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
        wanted = theirs(ids).logits
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        return (pretrained.load(folder).using(**parts)(ids) - wanted).abs().max().item()
