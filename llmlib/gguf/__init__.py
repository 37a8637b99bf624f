"""Read GGUF files: one file with settings, tensors and tokenizer, as llama.cpp reads it.

file         what lies where in the file; damage is found here
checkpoint   settings and tensors under the names of the Hugging Face checkpoint
tokenizer    a tokenizer.json from the file's own tables
"""
