"""Talk to an engine: `llmlib complete` and `chat` in a terminal, `llmlib serve` for a page and for
clients of OpenAI's protocol.

engine     one interface for both kinds: llmlib on a model folder, a my_llm.py that a learner wrote
chat       messages -> ids -> the tokens of a reply, each with what else was likely
requests   what a client asks for, or the APIError that refuses it
responses  what the protocol answers: one object, or chunk by chunk
scheduler  which requests the engine is answering: several at once, or one after the other
server     tornado's handlers, on this machine alone: token, host, origins, and bounds
cli        `llmlib chat` and `llmlib serve`, whose page is page.html; complete: `llmlib complete`
"""
