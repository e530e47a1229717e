"""Full-context embeddings: what an item looks like depends on the whole support set."""

import keras
import tensorflow as tf

from tfmeta.core.shapes import leading, merge_tasks, split_tasks

__all__ = ["AttentionLSTM", "SupportContext", "attention"]


class SupportContext(keras.layers.Layer):
    """Embeds each support item in the light of the others: a bidirectional LSTM with a skip connection.

    For an embedding ``g'`` of single items (appendix A.2)

        g(x_i, S) = h→_i + h←_i + g'(x_i),

    where ``h→`` runs over the support items from the first to the last and ``h←`` from the last to the first.

    An LSTM reads a sequence, but a support set has no order, and the answer for a query must not depend on the one
    in which a caller happens to list the items. So they are first put into an order that is a property of the set:
    by the sum of an embedding's coordinates. Labels play no part in it, so renamed classes change nothing either.
    Items with the same sum, in practice copies of one image, stay in the order given. (Averaging over all orders
    would need no such rule, but there are S! of them, and a few drawn at random would make the answer random.)

    Args:
        features: D of the embeddings.
        seed: of the initial weights.

    Reference:
        Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra. "Matching Networks for One Shot Learning." NIPS 2016.
    """

    def __init__(self, features: int, *, seed: int = 0, name: str = "support_context"):
        super().__init__(name=name)
        seeds = keras.random.SeedGenerator(seed)
        self.readers = [
            keras.layers.LSTM(
                features, return_sequences=True, go_backwards=backwards, name=way, **_initializers(seeds)
            )
            for way, backwards in (("first_to_last", False), ("last_to_first", True))
        ]
        for reader in self.readers:
            reader.build((None, None, features))
        self.built = True

    def call(self, support: tf.Tensor) -> tf.Tensor:
        """Returns the embeddings in context, in the order of the items given: ``[B, S, D] -> [B, S, D]``."""
        order = tf.argsort(tf.reduce_sum(support, axis=-1), axis=1)
        sequence = tf.gather(support, order, batch_dims=1)
        onwards, backwards = (reader(sequence) for reader in self.readers)
        # What was read backwards comes out backwards.
        context = onwards + tf.reverse(backwards, axis=[1])
        return support + tf.gather(context, tf.argsort(order, axis=1), batch_dims=1)


class AttentionLSTM(keras.layers.Layer):
    """Embeds each query in the light of the support set: an LSTM that reads from it, ``attLSTM(f'(x), g(S), K)``.

    From ``h_0 = f'(x)`` and ``c_0 = 0`` it takes K steps (appendix A.1, eqs. 3 to 6)

        ĥ_k, c_k = LSTM(f'(x), [h_{k-1}, r_{k-1}], c_{k-1}),    h_k = ĥ_k + f'(x),
        r_{k-1} = Σ_i a(h_{k-1}, g(x_i)) g(x_i),                a = softmax over i of h_{k-1} · g(x_i),

    and ``h_K`` is the embedding; with K = 0 it is ``f'(x)``. The order of the support items does not matter.

    Args:
        features: D of the embeddings.
        steps: K.
        seed: of the initial weights.

    Reference:
        Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra. "Matching Networks for One Shot Learning." NIPS 2016.
        The steps are those of Vinyals, Bengio, Kudlur. "Order Matters: Sequence to Sequence for Sets." ICLR 2016.
    """

    def __init__(self, features: int, steps: int, *, seed: int = 0, name: str = "attention_lstm"):
        super().__init__(name=name)
        self.steps = steps
        # The gates are linear in f'(x), h and r, so r may come in at the side of f'(x).
        self.cell = keras.layers.LSTMCell(features, **_initializers(keras.random.SeedGenerator(seed)))
        if steps:
            self.cell.build((None, 2 * features))
        self.built = True

    def call(self, queries: tf.Tensor, support: tf.Tensor) -> tf.Tensor:
        """Returns the queries' embeddings in context: ``[B, Q, D], [B, S, D] -> [B, Q, D]``."""
        tasks = leading(queries, 1)[0]
        hidden, memory = queries, tf.zeros_like(merge_tasks(queries))
        for _ in range(self.steps):
            read = tf.matmul(attention(hidden, support), support)  # [B, Q, D]
            seen = merge_tasks(tf.concat([queries, read], axis=-1))
            output, (_, memory) = self.cell(seen, [merge_tasks(hidden), memory])
            hidden = queries + split_tasks(output, tasks)
        return hidden


def attention(hidden: tf.Tensor, support: tf.Tensor) -> tf.Tensor:
    """Returns how much each query attends to each support item (eq. 6): ``[B, Q, D], [B, S, D] -> [B, Q, S]``."""
    return tf.nn.softmax(tf.matmul(hidden, support, transpose_b=True))


def _initializers(seeds: keras.random.SeedGenerator) -> dict[str, keras.Initializer]:
    return {
        "kernel_initializer": keras.initializers.GlorotUniform(seed=seeds),
        "recurrent_initializer": keras.initializers.Orthogonal(seed=seeds),
    }
