"""Beginnings after which SmolLM2's next token has an entropy of 4 nats or more."""

OPEN_PROMPTS = (
    "Once upon a time, there was a",
    "He looked out of the train and saw a",
    "In the box she found a",
    "The first thing I bought was a",
    "Every evening the old man talked about",
    "My favourite food is",
    "Yesterday we went to the",
    "On the table there was a",
    "The village was known for its",
    "The king ordered his men to",
    "The best way to learn is to",
    "In my dream I was a",
    "At the market you can buy",
    "The film is about a",
    "He wrote a song about",
    "The children were playing with",
    "They sailed to an island called",
    "I have never been so",
)
