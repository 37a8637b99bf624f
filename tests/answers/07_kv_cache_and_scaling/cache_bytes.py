# %% right: a product
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    return n_layer * (2 * seq * n_kv_head * head_dim) * bytes_per_number


# %% right: the tensors' own nbytes, on the device that holds nothing
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    one = torch.empty(n_kv_head, seq, head_dim * bytes_per_number, dtype=torch.uint8, device="meta")
    return sum(one.nbytes for _ in range(2 * n_layer))


# %% right: math.prod
import math


def cache_bytes(*sizes):
    return 2 * math.prod(sizes) * (4 if len(sizes) == 4 else 1)


# %% wrong: keys only
# says: a layer keeps keys and values
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    return n_layer * n_kv_head * head_dim * seq * bytes_per_number


# %% wrong: numbers, not bytes
# says: and each takes 4 bytes
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    return 2 * n_layer * n_kv_head * head_dim * seq


# %% wrong: bits
# says: that is in bits
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    return 2 * n_layer * n_kv_head * head_dim * seq * bytes_per_number * 8


# %% wrong: one layer
# says: each layer has a cache of its own
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    return 2 * n_kv_head * head_dim * seq * bytes_per_number


# %% wrong: always float32
# says: use bytes_per_number
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    return 2 * n_layer * n_kv_head * head_dim * seq * 4


# %% wrong: forgets how many tokens
# says: 7 tokens take 7 times 240 bytes
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    return 2 * n_layer * n_kv_head * head_dim * bytes_per_number


# %% wrong: the keys of one layer
# says: that is one layer's keys alone
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    return n_kv_head * head_dim * seq * bytes_per_number


# %% wrong: queries are kept as well
# says: the queries are not kept
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    return 3 * n_layer * n_kv_head * head_dim * seq * bytes_per_number


# %% wrong: in kilobytes
# says: 240 bytes
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    return 2 * n_layer * n_kv_head * head_dim * seq * bytes_per_number / 1000


# %% wrong: multiplies in float32
# says: than 32 bits can count
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    return int(torch.tensor([2, n_layer, n_kv_head, head_dim, seq, bytes_per_number], dtype=torch.float32).prod())


# %% wrong: multiplies in 32 bits
# says: than 32 bits can count
import numpy as np
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    return int(np.prod(np.array([2, n_layer, n_kv_head, head_dim, seq, bytes_per_number], dtype=np.int32), dtype=np.int32))


# %% wrong: a float
# says: return an int, with no / in it
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    bits = 2 * n_layer * n_kv_head * head_dim * seq * 8 * bytes_per_number
    return bits / 8


# %% right: numpy's whole number
import numpy as np
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    return np.prod([2, n_layer, n_kv_head, head_dim, seq, bytes_per_number], dtype=np.int64)


# %% wrong: the default is 2 bytes
# says: left out, bytes_per_number is 4
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=2):
    return 2 * n_layer * n_kv_head * head_dim * bytes_per_number * seq
