# %% right: the block written out, no other function but the norm
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = table[ids]
    for i in range(len(layers)):
        norm_1, norm_2, w_gate, w_up, w_down = layers[i]
        x = x + attend(i, rms_norm(x, norm_1, eps).to(x.dtype))
        y = rms_norm(x, norm_2, eps).to(x.dtype)
        gate = y @ w_gate.T
        x = x + (gate * torch.sigmoid(gate) * (y @ w_up.T)) @ w_down.T
    return rms_norm(x, final_norm, eps).to(x.dtype) @ table.T

# %% right: everything cast back to the table's precision
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    def same(x):
        return x.to(table.dtype)

    def block(i, x, norm_1, norm_2, *matrices):
        return pre_norm_block(
            x,
            lambda x: same(rms_norm(x, norm_1, eps)),
            lambda x: same(attend(i, x)),
            lambda x: same(rms_norm(x, norm_2, eps)),
            lambda x: same(swiglu(x, *matrices)),
        )

    x = same(embed(ids, table))
    for i, weights in enumerate(layers):
        x = same(block(i, x, *weights))
    return unembed(same(rms_norm(x, final_norm, eps)), table)

# %% right: a class for a layer, and an extra argument
class OneLayer:
    def __init__(self, number, weights, attend, eps):
        self.number, self.weights, self.attend, self.eps = number, weights, attend, eps

    def norm(self, which):
        return lambda x: rms_norm(x, self.weights[which], self.eps).to(x.dtype)

    def __call__(self, x):
        return pre_norm_block(
            x,
            self.norm(0),
            lambda x: self.attend(self.number, x),
            self.norm(1),
            lambda x: swiglu(x, *self.weights[2:]).to(x.dtype),
        )

def forward(ids, table, layers, final_norm, attend, eps=1e-5, scale=1.0):
    x = scale * torch.nn.functional.embedding(ids, table)
    for number, weights in enumerate(layers):
        x = OneLayer(number, weights, attend, eps)(x)
    return linear(rms_norm(x, final_norm, eps).to(x.dtype), table)

# %% right: recursion over the layers
def through(x, i, layers, attend, eps):
    if i == len(layers):
        return x
    norm_1, norm_2, *matrices = layers[i]
    x = pre_norm_block(
        x,
        norm_1=lambda x: rms_norm(x, norm_1, eps),
        attend=lambda x: attend(i, x),
        norm_2=lambda x: rms_norm(x, norm_2, eps),
        feed_forward=lambda x: swiglu(x, *matrices),
    )
    return through(x, i + 1, layers, attend, eps)

def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = through(embed(ids, table), 0, layers, attend, eps)
    return torch.einsum("bsd,vd->bsv", rms_norm(x, final_norm, eps), table)

# %% wrong: no final norm
# says: no final norm after the last layer
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = table[ids]
    for i, (norm_1, norm_2, *matrices) in enumerate(layers):
        x = pre_norm_block(
            x,
            lambda x: rms_norm(x, norm_1, eps),
            lambda x: attend(i, x),
            lambda x: rms_norm(x, norm_2, eps),
            lambda x: swiglu(x, *matrices),
        )
    return linear(x, table)

# %% wrong: no head
# says: the head is missing
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = table[ids]
    for i, (norm_1, norm_2, *matrices) in enumerate(layers):
        x = pre_norm_block(
            x,
            lambda x: rms_norm(x, norm_1, eps),
            lambda x: attend(i, x),
            lambda x: rms_norm(x, norm_2, eps),
            lambda x: swiglu(x, *matrices),
        )
    return rms_norm(x, final_norm, eps)

# %% wrong: functions made first and called when the loop is over
# says: attend(i, x) is called once in each layer
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    blocks = []
    for i, (norm_1, norm_2, *matrices) in enumerate(layers):
        blocks.append(
            lambda x: pre_norm_block(
                x,
                lambda x: rms_norm(x, norm_1, eps),
                lambda x: attend(i, x),
                lambda x: rms_norm(x, norm_2, eps),
                lambda x: swiglu(x, *matrices),
            )
        )
    x = table[ids]
    for block in blocks:
        x = block(x)
    return linear(rms_norm(x, final_norm, eps), table)

# %% wrong: layers counted from 1
# says: with that layer's number
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = table[ids]
    for i, (norm_1, norm_2, *matrices) in enumerate(layers):
        x = pre_norm_block(
            x,
            lambda x: rms_norm(x, norm_1, eps),
            lambda x: attend((i + 1) % len(layers), x),
            lambda x: rms_norm(x, norm_2, eps),
            lambda x: swiglu(x, *matrices),
        )
    return linear(rms_norm(x, final_norm, eps), table)

# %% wrong: attention reads the stream without its norm
# says: attention must read norm_1
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = table[ids]
    for i, (norm_1, norm_2, *matrices) in enumerate(layers):
        x = pre_norm_block(
            x,
            lambda x: x,
            lambda x: attend(i, x),
            lambda x: rms_norm(x, norm_2, eps),
            lambda x: swiglu(x, *matrices),
        )
    return linear(rms_norm(x, final_norm, eps), table)

# %% wrong: the first norm twice
# says: a norm of its own, norm_2
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = table[ids]
    for i, (norm_1, norm_2, *matrices) in enumerate(layers):
        x = pre_norm_block(
            x,
            lambda x: rms_norm(x, norm_1, eps),
            lambda x: attend(i, x),
            lambda x: rms_norm(x, norm_1, eps),
            lambda x: swiglu(x, *matrices),
        )
    return linear(rms_norm(x, final_norm, eps), table)

# %% wrong: parallel sublayers
# says: after attention has written to it
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = table[ids]
    for i, (norm_1, norm_2, *matrices) in enumerate(layers):
        attention_writes = attend(i, rms_norm(x, norm_1, eps))
        x = x + attention_writes + swiglu(rms_norm(x, norm_2, eps), *matrices)
    return linear(rms_norm(x, final_norm, eps), table)

# %% wrong: the stream is replaced
# says: the logits differ from torch's
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = table[ids]
    for i, (norm_1, norm_2, *matrices) in enumerate(layers):
        x = attend(i, rms_norm(x, norm_1, eps))
        x = swiglu(rms_norm(x, norm_2, eps), *matrices)
    return linear(rms_norm(x, final_norm, eps), table)

# %% wrong: eps left at its default
# says: eps is not passed on
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = table[ids]
    for i, (norm_1, norm_2, *matrices) in enumerate(layers):
        x = pre_norm_block(
            x,
            lambda x: rms_norm(x, norm_1),
            lambda x: attend(i, x),
            lambda x: rms_norm(x, norm_2),
            lambda x: swiglu(x, *matrices),
        )
    return linear(rms_norm(x, final_norm, eps), table)

# %% wrong: the last token only
# says: give logits [2, 4, 11]
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = table[ids]
    for i, (norm_1, norm_2, *matrices) in enumerate(layers):
        x = pre_norm_block(
            x,
            lambda x: rms_norm(x, norm_1, eps),
            lambda x: attend(i, x),
            lambda x: rms_norm(x, norm_2, eps),
            lambda x: swiglu(x, *matrices),
        )
    return linear(rms_norm(x[:, -1:], final_norm, eps), table)

# %% wrong: only the first layer
# says: attend(i, x) is called once in each layer
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = table[ids]
    for i, (norm_1, norm_2, *matrices) in enumerate(layers):
        x = pre_norm_block(
            x,
            lambda x: rms_norm(x, norm_1, eps),
            lambda x: attend(i, x),
            lambda x: rms_norm(x, norm_2, eps),
            lambda x: swiglu(x, *matrices),
        )
        return linear(rms_norm(x, final_norm, eps), table)
    return linear(rms_norm(table[ids], final_norm, eps), table)

# %% wrong: layers counted from 1, past the last
# says: with that layer's number
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = embed(ids, table)
    for i, (n1, n2, *m) in enumerate(layers, 1):
        x = x + attend(i, rms_norm(x, n1, eps))
        x = x + swiglu(rms_norm(x, n2, eps), *m)
    return unembed(rms_norm(x, final_norm, eps), table)

# %% wrong: attend with its arguments swapped
# says: call attend(i, x)
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = embed(ids, table)
    for i, (n1, n2, *m) in enumerate(layers):
        x = x + attend(rms_norm(x, n1, eps), i)
        x = x + swiglu(rms_norm(x, n2, eps), *m)
    return unembed(rms_norm(x, final_norm, eps), table)


# %% wrong: empties the caller's list of layers
# says: the caller's list `layers` has changed
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x, i = embed(ids, table), 0
    while layers:
        n1, n2, *m = layers.pop(0)
        x = x + attend(i, rms_norm(x, n1, eps))
        x = x + swiglu(rms_norm(x, n2, eps), *m)
        i += 1
    return unembed(rms_norm(x, final_norm, eps), table)


# %% wrong: remembers the embedding by the shape of the ids
# says: keep nothing between calls
_memo = {}


def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    key = (tuple(ids.shape), eps)
    x = _memo.setdefault(key, embed(ids, table))
    for i in range(len(layers)):
        n1, n2, *m = layers[i]
        x = x + attend(i, rms_norm(x, n1, eps))
        x = x + swiglu(rms_norm(x, n2, eps), *m)
    return unembed(rms_norm(x, final_norm, eps), table)


# %% wrong: w_gate and w_up change places
# says: the five tensors of a layer are in another order
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = embed(ids, table)
    for i, (n1, n2, u, g, d) in enumerate(layers):
        x = x + attend(i, rms_norm(x, n1, eps))
        x = x + swiglu(rms_norm(x, n2, eps), g, u, d)
    return unembed(rms_norm(x, final_norm, eps), table)


# %% wrong: the two norms change places
# says: the five tensors of a layer are in another order
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = embed(ids, table)
    for i, (n2, n1, g, u, d) in enumerate(layers):
        x = x + attend(i, rms_norm(x, n1, eps))
        x = x + swiglu(rms_norm(x, n2, eps), g, u, d)
    return unembed(rms_norm(x, final_norm, eps), table)


# %% wrong: no eps by default
# says: left out, eps is 1e-5
def forward(ids, table, layers, final_norm, attend, eps=0.0):
    x = embed(ids, table)
    for i, (n1, n2, g, u, d) in enumerate(layers):
        x = x + attend(i, rms_norm(x, n1, eps))
        x = x + swiglu(rms_norm(x, n2, eps), g, u, d)
    return unembed(rms_norm(x, final_norm, eps), table)


# %% wrong: turns the caller's list of layers round
# says: the caller's list `layers` has changed
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = embed(ids, table)
    layers.reverse()
    for i, (n1, n2, g, u, d) in reversed(list(enumerate(reversed(layers)))):
        pass
    for i in range(len(layers)):
        n1, n2, g, u, d = layers[-1 - i]
        x = x + attend(i, rms_norm(x, n1, eps))
        x = x + swiglu(rms_norm(x, n2, eps), g, u, d)
    return unembed(rms_norm(x, final_norm, eps), table)


# %% wrong: the final norm in the loop
# says: it stands once, behind the loop
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = embed(ids, table)
    for i, (norm_1, norm_2, *matrices) in enumerate(layers):
        x = x + attend(i, rms_norm(x, norm_1, eps))
        x = x + swiglu(rms_norm(x, norm_2, eps), *matrices)
        x = rms_norm(x, final_norm, eps)
    return unembed(x, table)


# %% wrong: returns in the loop
# says: is there a return, and outside the loop?
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = embed(ids, table)
    for i, (norm_1, norm_2, *matrices) in enumerate(layers):
        x = x + attend(i, rms_norm(x, norm_1, eps))
        x = x + swiglu(rms_norm(x, norm_2, eps), *matrices)
        return unembed(rms_norm(x, final_norm, eps), table)


# %% wrong: its norm, written before, has eps outside the root
# says: first your rms_norm
def rms_norm(x, weight, eps=1e-5):
    return x / (x.pow(2).mean(dim=-1, keepdim=True).sqrt() + eps) * weight


def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = embed(ids, table)
    for i, (norm_1, norm_2, *matrices) in enumerate(layers):
        x = x + attend(i, rms_norm(x, norm_1, eps))
        x = x + swiglu(rms_norm(x, norm_2, eps), *matrices)
    return unembed(rms_norm(x, final_norm, eps), table)


# %% wrong: its feed-forward, written before, has gate and up swapped
# says: first your swiglu
def swiglu(x, w_gate, w_up, w_down):
    gate = linear(x, w_up)
    return linear(gate * torch.sigmoid(gate) * linear(x, w_gate), w_down)


def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = embed(ids, table)
    for i, (norm_1, norm_2, *matrices) in enumerate(layers):
        x = x + attend(i, rms_norm(x, norm_1, eps))
        x = x + swiglu(rms_norm(x, norm_2, eps), *matrices)
    return unembed(rms_norm(x, final_norm, eps), table)


# %% wrong: the table detached for the look-up
# says: not every weight gets its gradient
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = embed(ids, table.detach())
    for i, (n1, n2, *m) in enumerate(layers):
        x = x + attend(i, rms_norm(x, n1, eps))
        x = x + swiglu(rms_norm(x, n2, eps), *m)
    return unembed(rms_norm(x, final_norm, eps), table)


# %% wrong: the last norm's weight detached
# says: not every weight gets its gradient
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = embed(ids, table)
    for i, (n1, n2, *m) in enumerate(layers):
        x = x + attend(i, rms_norm(x, n1, eps))
        x = x + swiglu(rms_norm(x, n2, eps), *m)
    return unembed(rms_norm(x, final_norm.detach(), eps), table)


# %% wrong: the head under no_grad
# says: not every weight gets its gradient
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = embed(ids, table)
    for i, (n1, n2, *m) in enumerate(layers):
        x = x + attend(i, rms_norm(x, n1, eps))
        x = x + swiglu(rms_norm(x, n2, eps), *m)
    with torch.no_grad():
        return unembed(rms_norm(x, final_norm, eps), table)


# %% wrong: the table detached for the head
# says: not every weight gets its gradient
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = embed(ids, table)
    for i, (n1, n2, *m) in enumerate(layers):
        x = x + attend(i, rms_norm(x, n1, eps))
        x = x + swiglu(rms_norm(x, n2, eps), *m)
    return unembed(rms_norm(x, final_norm, eps), table.clone().detach())


# %% wrong: += on the stream
# says: not every weight gets its gradient
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = embed(ids, table)
    for i, (n1, n2, *m) in enumerate(layers):
        x += attend(i, rms_norm(x, n1, eps))
        x += swiglu(rms_norm(x, n2, eps), *m)
    return unembed(rms_norm(x, final_norm, eps), table)
