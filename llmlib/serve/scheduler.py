"""Decide who is answered when: the one thread in which a served engine runs.

llmlib's own engine answers up to eight requests at the same time, by continuous batching: a request
joins as soon as there is a place, and leaves when it has ended or its client has gone. A learner's
my_llm.py has no batches: it answers one request after the other, in the order in which they came.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from llmlib.kv_cache import cache_bytes
from llmlib.serve.continuous_batching import MOST_TEXTS, ContinuousBatch, Text
from llmlib.serve.engine import Engine, Step

CACHE_BYTES = 1 << 30  # of all caches in the batch together; one text may have more
LONGEST_BACKLOG = 256  # tokens that a client has not taken yet: then it is too slow
SECONDS = 0.1  # between two looks whether a client that waits is still there


@dataclass(eq=False)
class Job:
    """Hold a request while it waits and while it is answered."""

    ids: list[int]
    max_new_tokens: int
    seed: int | None
    settings: dict[str, Any]
    client_waits: Callable[[], bool]
    # (id, logits), then None; or what was raised
    tokens: queue.Queue[Step | Exception | None] = field(default_factory=queue.Queue)
    left: bool = False  # nobody takes its tokens any more

    @property
    def wanted(self) -> bool:
        """Tell whether anybody still waits for its tokens."""
        return not self.left and self.client_waits()

    def put(self, new: Any, logits: torch.Tensor) -> None:
        """Hand on one id and its logits [vocab], or what was raised. Leaves a client that takes
        nothing."""
        if isinstance(new, Exception):
            self.tokens.put(new)
        elif self.tokens.qsize() > LONGEST_BACKLOG:
            self.tokens.put(TimeoutError("the client took the answer too slowly"))
            self.left = True
        else:
            self.tokens.put((new, logits))


class Scheduler:
    """Run `engine` for several clients. `busy` says whether it is computing."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self._waiting: deque[Job] = deque()
        self._came = threading.Condition()
        self.busy, self._closed = False, False
        run = self._run_in_turn if engine.model is None else self._run_batch
        threading.Thread(target=run, daemon=True).start()

    def close(self) -> None:
        """End the thread after the step that it is in."""
        with self._came:
            self._closed = True
            self._came.notify()

    def steps(
        self,
        client_waits: Callable[[], bool],
        ids: list[int],
        max_new_tokens: int,
        seed: int | None,
        **settings: Any,
    ) -> Iterator[Step]:
        """Continue as `Engine.steps` does, beside other clients. It ends as soon as its client has
        left, also while it waits and while its prompt is read."""
        job = Job(ids, max_new_tokens, seed, settings, client_waits)
        with self._came:
            self._waiting.append(job)
            self._came.notify()
        try:
            while client_waits():
                try:
                    new = job.tokens.get(timeout=SECONDS)
                except queue.Empty:
                    if self._closed:
                        return
                    continue
                if isinstance(new, Exception):
                    raise new
                if new is None:
                    return
                yield new
        finally:
            job.left = True

    def _next(self, block: bool, fits: Callable[[Job], bool] = lambda job: True) -> Job | None:
        """Return the first who waits, if there is one and it `fits`. None also once this is
        closed."""
        with self._came:
            while True:
                while self._waiting and not self._waiting[0].wanted:
                    self._waiting.popleft()
                if self._closed:
                    return None
                if self._waiting:
                    self.busy = True
                    return self._waiting.popleft() if fits(self._waiting[0]) else None
                if not block:
                    return None
                self.busy = False
                self._came.wait()

    def _run_in_turn(self) -> None:
        while job := self._next(block=True):
            try:
                steps = self.engine.steps(job.ids, job.max_new_tokens, job.seed, **job.settings)
                for step in steps:
                    job.put(*step)
                    if not job.wanted or self._closed:
                        break
                job.tokens.put(None)
            except Exception as error:  # noqa: BLE001 - a learner's function may raise anything
                job.tokens.put(error)

    def _run_batch(self) -> None:
        batch, jobs = ContinuousBatch(self.engine.model), dict[Text, Job]()

        def fits(job: Job) -> bool:
            sizes = [self._cache_bytes(member) for member in (job, *jobs.values())]
            return not jobs or sum(sizes) <= CACHE_BYTES

        while not self._closed:
            while len(jobs) < MOST_TEXTS and (job := self._next(not jobs, fits)):
                try:
                    text = batch.add(job.ids, job.max_new_tokens, job.seed, **job.settings)
                    jobs[text] = job
                except Exception as error:  # noqa: BLE001 - the memory may be full
                    job.tokens.put(error)
            try:
                for text, new, logits in batch.step():
                    jobs[text].put(new, logits)
            except Exception as error:  # noqa: BLE001 - the memory may be full
                for text, job in jobs.items():
                    job.tokens.put(error)
                    batch.remove(text)
            for text, job in list(jobs.items()):
                if text.ended or not job.wanted:
                    job.tokens.put(None)
                    batch.remove(text)
                    del jobs[text]

    def _cache_bytes(self, job: Job) -> int:
        config = self.engine.config
        seq = min(config.context, len(job.ids) + job.max_new_tokens)
        return cache_bytes(config.n_layer, config.n_kv_head, config.head_dim, seq)
