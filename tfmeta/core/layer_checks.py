"""What is known of the layers of a network: their precision, and whether they draw random numbers or keep some."""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

__all__ = [
    "active_norms",
    "in_precision",
    "keeping_layers",
    "precision",
    "random_layers",
]


def precision(network: keras.Model) -> str:
    """Returns the type of numbers that loses nothing of a network: ``"float64"`` where it has some, or ``"float32"``.

    A network that computes in half precision keeps its weights in float32. Gradient steps and task states then are in
    float32, too.

    Example:
        >>> precision(keras.Sequential([keras.Input([2]), keras.layers.Dense(3, dtype="mixed_bfloat16")]))
        'float32'
    """
    kinds = {variable.dtype for variable in network.variables} | {network.variable_dtype}
    return "float64" if "float64" in kinds else "float32"


@contextlib.contextmanager
def in_precision(dtype: str) -> Iterator[None]:
    """Lets layers that are made here compute in `dtype`, whatever the policy that holds elsewhere.

    Example:
        >>> with in_precision("float64"):
        ...     layer = keras.layers.Dense(3)
        >>> layer.compute_dtype, keras.layers.Dense(3).compute_dtype
        ('float64', 'float32')
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def active_norms(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Returns the batch normalisations of a network that are not frozen; frozen ones keep to their statistics."""
    layers = network._flatten_layers(include_self=False)
    return [
        layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]


def random_layers(network: keras.Model) -> list[str]:
    """Names the layers that draw random numbers when the network is called in training.

    What counts is what a call does, and not what a layer has: an LSTM has a generator of random numbers, but uses it
    only for dropout.

    Args:
        network: a built network, with inputs that are known.

    Example:
        >>> layers = [keras.Input([3, 2]), keras.layers.LSTM(4), keras.layers.Dropout(0.5, name="drop")]
        >>> random_layers(keras.Sequential(layers))
        ['drop']
    """
    generators = {
        id(generator.state): layer.name for layer in _layers(network) for generator in layer._seed_generators
    }
    foreign = [layer.name for layer in _layers(network) if _is_foreign(layer)]
    if not generators and not foreign:
        return []
    changed, draws = _effects(network)
    named = [name for state, name in generators.items() if state in changed]
    return named or (foreign if draws else [])


def keeping_layers(network: keras.Model) -> list[str]:
    """Names the layers that assign variables in training, other than the moving statistics of batch normalisation.

    Example:
        >>> keeping_layers(keras.Sequential([keras.Input([3, 2], 1), keras.layers.LSTM(4, stateful=True, name="r")]))
        ['r']
        >>> wrapped = keras.layers.SpectralNormalization(keras.layers.Dense(2), name="s")
        >>> keeping_layers(keras.Sequential([keras.Input([3]), wrapped]))
        ['s']
    """
    kept = {
        id(variable): layer.name
        for layer in _layers(network)
        for variable in layer._non_trainable_variables
        if not isinstance(layer, keras.layers.BatchNormalization) or layer.renorm
    }
    changed = _effects(network)[0] if kept else ()
    names = {name for variable, name in kept.items() if variable in changed}
    # A recurrent layer keeps its state where Keras does not count it among its variables.
    names |= {
        layer.name for layer in _layers(network) if isinstance(layer, keras.layers.RNN) and layer.stateful
    }
    return sorted(names)


def _layers(network: keras.Model) -> Iterator[keras.Layer]:
    yield from network._flatten_layers(include_self=True)


def _is_foreign(layer: keras.Layer) -> bool:
    """Whether a layer computes what Keras does not know of."""
    return isinstance(layer, keras.layers.Lambda) or not type(layer).__module__.startswith("keras.")


def _effects(network: keras.Model) -> tuple[set[int], bool]:
    """Traces a call in training: the variables that it changes, by `id`, and whether it draws random numbers."""
    changed: set[int] = set()

    def call(*x: tf.Tensor) -> None:
        with keras.StatelessScope() as scope:
            network(x[0] if len(x) == 1 else list(x), training=True)
        changed.update(id(v) for v in network.variables if scope.get_current_value(v) is not None)

    inputs = [tf.TensorSpec(x.shape, x.dtype) for x in network.inputs]
    graph = tf.function(call, autograph=False).get_concrete_function(*inputs).graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return changed, any("Random" in node.op for node in nodes)
