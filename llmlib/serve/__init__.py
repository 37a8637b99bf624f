"""Talking to an engine: `llmlib complete` and `chat` in a terminal, `llmlib serve` for a page and
for clients of OpenAI's protocol.

engine     one interface for both kinds: llmlib on a model folder, a my_llm.py that a learner wrote
chat       messages -> ids -> the tokens of a reply, each with what else was likely
requests   what a client asks for, or the APIError that refuses it
responses  what the protocol answers: one object, or chunk by chunk
scheduler  which requests the engine is answering: several at once, or one after the other
server     HTTP on this machine alone: token, host, origins, and bounds
cli        `llmlib chat` and `llmlib serve`, whose page is page.html; complete: `llmlib complete`

The server is built on the standard library alone. It listens on 127.0.0.1 only, so it needs little
of what web frameworks are for, and its bounds (on bodies, connections, and the seconds that a
client may take to send its request) would be code of our own on top of them, too.
"""
