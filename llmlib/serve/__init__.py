"""Talking to an engine: `llmlib chat` in a terminal, `llmlib serve` as a page and a protocol.

engine     one face for both kinds: a model folder run by llmlib, a my_llm.py that a learner wrote
chat       messages -> ids -> the tokens of a reply, each with what else was likely
requests   what a client asks for in the chat-completions protocol, or a sentence that refuses it
responses  what the protocol answers: one object, or chunk by chunk
server     HTTP on this machine alone: a token in the address, bounded bodies, a bounded queue
cli        the two verbs (complete: `llmlib complete`); page.html is the page

The server listens on 127.0.0.1 only, and requires a token.
"""
