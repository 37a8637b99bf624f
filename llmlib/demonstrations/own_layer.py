"""A whole layer of attention, somebody's own, in the place of the model's."""

from itertools import cycle


def with_layer(model, layer):
    """The model with `layer(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta)` in each layer, given
    that layer's weights. It keeps no cache."""
    weights, config = cycle(model.weights.layers), model.config
    shape = config.n_head, config.n_kv_head, config.rope_theta

    def block(x, norm_1, attend, norm_2, feed_forward):
        own = next(weights)
        x = x + layer(norm_1(x), *(w[0] for w in (own.q, own.k, own.v, own.o)), *shape)
        return x + feed_forward(norm_2(x))

    return model.using(block=block)
