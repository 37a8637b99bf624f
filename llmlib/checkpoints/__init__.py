"""Read checkpoints: what families of models differ in, and their settings, tensors and shards."""
