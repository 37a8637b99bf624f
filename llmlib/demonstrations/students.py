"""The tiny model that learns from stories: its first loss, its own stories, its look back."""

from dataclasses import replace

from llmlib import generate, training
from llmlib.decode_step import one_thread


class Student:
    """A tiny model with random weights, its tokenizer, and the stories as tokens."""

    def __init__(self, train, held_out, d_model=64, seed=0):
        self.tokenizer = training.story_tokenizer(train[:256])
        self.train_tokens = training.as_tokens(train, self.tokenizer)
        self.watched = training.as_tokens(held_out[:32], self.tokenizer)
        self.bytes_a_token = self.train_tokens.n_bytes / len(self.train_tokens.ids)
        self.config = training.tiny_config(d_model)
        self.weights = training.new_weights(self.config, seed)
        self.size = sum(t.numel() for t in training.tensors(self.weights))

    def nats_a_byte(self, context=None):
        """The loss on 32 held-out stories, with windows of `context` tokens."""
        config = replace(self.config, context=context or self.config.context)
        with one_thread():  # a second one costs more than it saves in products this small
            return training.nats_per_byte(self.weights, config, self.watched)

    def nats_a_token(self):
        """Its loss on the held-out text, in nats a token."""
        counted = (self.watched.targets != training.IGNORED).sum().item()
        return self.nats_a_byte() * self.watched.n_bytes / counted

    def learn(self, steps, peak, seed=0):
        """Yields (step, loss in nats a byte)."""
        options = {"seed": seed, "peak": peak}
        with one_thread():
            for step, loss in training.train(
                self.weights, self.config, self.train_tokens, steps, **options
            ):
                yield step, loss / self.bytes_a_token

    def story(self, new_tokens=110):
        """The beginning of a story, temperature 0.8."""
        tiny = training.as_model(self.weights, self.config, self.tokenizer)
        start = self.tokenizer.special_tokens[training.BETWEEN]
        with one_thread():
            new_ids = list(generate(tiny, [start], new_tokens, temperature=0.8, seed=1))
        return self.tokenizer.decode([i for i in new_ids if i != start])


def loss_of_seed(width, seed, rate, train_tokens, watched, steps=200):
    """The held-out loss, nats a byte, of one short run."""
    config = training.tiny_config(width)
    weights = training.new_weights(config, seed)
    with one_thread():
        for _ in training.train(weights, config, train_tokens, steps, seed, peak=rate):
            pass
        return training.nats_per_byte(weights, config, watched)
