# %% right: every step named
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    attention_write = attend(norm_1(x))
    middle = torch.add(x, attention_write)
    mlp_write = feed_forward(norm_2(middle))
    return torch.add(middle, mlp_write)

# %% right: a loop over the sublayers
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    for norm, sublayer in ((norm_1, attend), (norm_2, feed_forward)):
        x = sublayer(norm(x)) + x
    return x

# %% right: a running sum of writes, in double precision
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    stream = x.double()
    stream += attend(norm_1(x)).double()
    stream += feed_forward(norm_2(stream.to(x.dtype))).double()
    return stream.to(x.dtype)

# %% right: a helper function and an extra argument
def residual(x, norm, sublayer, scale):
    return x + scale * sublayer(norm(x))

def pre_norm_block(x, norm_1, attend, norm_2, feed_forward, scale=1.0):
    return residual(residual(x, norm_1, attend, scale), norm_2, feed_forward, scale)

# %% wrong: in place
# says: the caller's x has changed
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x += attend(norm_1(x))
    x += feed_forward(norm_2(x))
    return x

# %% wrong: post-norm, add and then normalise
# says: never replaced and never normalised
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x = norm_1(x + attend(x))
    return norm_2(x + feed_forward(x))

# %% wrong: the norm's result replaces the stream
# says: never replaced and never normalised
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x = norm_1(x)
    x = x + attend(x)
    x = norm_2(x)
    return x + feed_forward(x)

# %% wrong: no residual connection around the feed-forward
# says: never replaced and never normalised
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x = x + attend(norm_1(x))
    return feed_forward(norm_2(x))

# %% wrong: no residual connection around attention
# says: never replaced and never normalised
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x = attend(norm_1(x))
    return x + feed_forward(norm_2(x))

# %% wrong: attention reads the stream without its norm
# says: attention writes attend(norm_1(x))
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x = x + attend(x)
    return x + feed_forward(norm_2(x))

# %% wrong: the first norm used twice
# says: the feed-forward writes feed_forward(norm_2(x))
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x = x + attend(norm_1(x))
    return x + feed_forward(norm_1(x))

# %% wrong: parallel sublayers
# says: feed_forward reads the stream after attention has written to it
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    return x + attend(norm_1(x)) + feed_forward(norm_2(x))

# %% wrong: the feed-forward reads what attention wrote, not the stream
# says: the feed-forward writes feed_forward(norm_2(x))
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    write = attend(norm_1(x))
    return x + write + feed_forward(norm_2(write))

# %% wrong: attention called twice
# says: each of the four functions is called once
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    return x + attend(norm_1(x)) + feed_forward(norm_2(x + attend(norm_1(x))))

# %% wrong: the second addition starts from the old stream
# says: the stream becomes 1 + 6
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    h = x + attend(norm_1(x))
    return x + feed_forward(norm_2(h))

# %% wrong: the feed-forward before attention
# says: attention before the feed-forward
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x = x + feed_forward(norm_2(x))
    return x + attend(norm_1(x))

# %% wrong: each norm after its sublayer
# says: each norm comes before its sublayer
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x = x + norm_1(attend(x))
    return x + norm_2(feed_forward(x))


# %% wrong: a list of the texts
# says: return one tensor
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    h = x + attend(norm_1(x))
    return [text + write for text, write in zip(h, feed_forward(norm_2(h)))]


# %% wrong: no return
# says: is there a return?
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    h = x + attend(norm_1(x))
    h = h + feed_forward(norm_2(h))


# %% wrong: += on a copy
# says: the gradient does not get back
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x = x.clone()
    x += attend(norm_1(x))
    x += feed_forward(norm_2(x))
    return x


# %% wrong: a detached result
# says: the gradient does not get back
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x = x + attend(norm_1(x))
    return (x + feed_forward(norm_2(x))).detach()


# %% wrong: what attention writes is detached
# says: the gradient does not get back
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x = x + attend(norm_1(x)).detach()
    return x + feed_forward(norm_2(x))


# %% wrong: attention's write averaged over all tokens
# says: nothing averaged
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x = x + attend(norm_1(x)).mean(dim=1, keepdim=True)
    return x + feed_forward(norm_2(x))


# %% wrong: the size of both writes, without their signs
# says: negative numbers too
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x = x + attend(norm_1(x)).abs()
    return x + feed_forward(norm_2(x)).abs()
