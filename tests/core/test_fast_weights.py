import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.fast_weights import FastNetwork

TASKS, ITEMS = 3, 4
layers = keras.layers


pytestmark = pytest.mark.usefixtures("float64")


def convolution(channels=2, **options):
    return [
        keras.Input([7, 6, channels]),
        layers.Conv2D(2, **{"kernel_size": 3, "activation": "tanh", **options}),
        layers.Flatten(),
        layers.Dense(2),
    ]


NETWORKS = {
    "dense": lambda: [keras.Input([3]), layers.Dense(4, activation="tanh"), layers.Dense(2, use_bias=False)],
    "dense-on-images": lambda: [keras.Input([2, 3, 2]), layers.Dense(3), layers.GlobalAveragePooling2D()],
    "valid": lambda: convolution(),
    "same": lambda: convolution(padding="same", use_bias=False),
    "valid-strided": lambda: convolution(strides=2),
    "same-strided": lambda: convolution(strides=2, padding="same"),
    "uneven": lambda: convolution(kernel_size=[2, 3], strides=[3, 2], padding="same"),
    "one-channel": lambda: convolution(channels=1, strides=2, padding="same"),
    "pointwise": lambda: convolution(kernel_size=1),
    "normalized": lambda: [
        keras.Input([5, 5, 1]),
        layers.Conv2D(3, 3, use_bias=False),
        layers.BatchNormalization(scale=False),
        layers.ReLU(),
        layers.MaxPooling2D(),
        layers.Conv2D(2, 1),
        layers.BatchNormalization(center=False, epsilon=0.1, momentum=0.5),
        layers.Flatten(),
        layers.BatchNormalization(),
        layers.Dense(2),
    ],
    "nested": lambda: [keras.Input([7, 6, 2]), keras.Sequential(convolution()), layers.Activation("tanh")],
    "frozen": lambda: [
        keras.Input([4]),
        layers.Dense(3, trainable=False),
        layers.BatchNormalization(trainable=False),
        layers.Dense(2),
    ],
}
NORMALIZED = ["normalized"]


def randomized(network):
    """Gives biases, scales and moving statistics values that matter."""
    random = np.random.RandomState(1)
    for variable in network.variables:
        variable.assign(random.uniform(0.5, 1.5, variable.shape) * random.choice([-1, 1], variable.shape))
        if "variance" in variable.name:
            variable.assign(abs(variable.numpy()))
    return network


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    return randomized(keras.Sequential(NETWORKS[request.param](), name=request.param))


@pytest.fixture(scope="module")
def engines(network):
    return FastNetwork(network, "batched"), FastNetwork(network, "map")


@pytest.fixture(scope="module")
def weights(engines):
    """Other weights for every task."""
    random = np.random.RandomState(2)
    return [w * random.uniform(0.5, 1.5, [TASKS, *w.shape]) for w in engines[0].slow_weights()]


def items(network):
    return tf.constant(np.random.RandomState(3).randn(TASKS, ITEMS, *network.input_shape[1:]))


def derivatives(function, arguments):
    """The outputs, a gradient, and the gradient of that gradient's length."""
    with tf.GradientTape() as outer:
        outer.watch(arguments)
        with tf.GradientTape() as inner:
            inner.watch(arguments)
            outputs = function(*arguments)
            total = tf.add_n([tf.reduce_sum(tf.sin(output)) for output in tf.nest.flatten(outputs)])
        first = inner.gradient(total, arguments, unconnected_gradients="zero")
        length = tf.add_n([tf.reduce_sum(gradient**2) for gradient in tf.nest.flatten(first)])
    return outputs, first, outer.gradient(length, arguments, unconnected_gradients="zero")


def assert_same(actual, desired, rtol=1e-12):
    for a, b in zip(tf.nest.flatten(actual), tf.nest.flatten(desired), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(1.0, np.abs(b).max()))


def test_one_task_is_what_keras_computes(network, engines):
    x = items(network)[:1]
    stored = engines[0].stored_moments(1)
    outputs, _ = engines[0]([w[None] for w in engines[0].slow_weights()], x, stored)
    assert_same(outputs[0], network(x[0], training=False))


@pytest.mark.parametrize("given", [False, True], ids=["own-moments", "given-moments"])
def test_the_engines_agree_to_the_second_derivative(network, engines, weights, given):
    moments = engines[0].stored_moments(TASKS) if given else None
    batched, mapped = (
        derivatives(lambda w, x, engine=engine: engine(w, x, moments), [weights, items(network)])
        for engine in engines
    )
    assert_same(batched, mapped)


def test_slow_weights_with_zero_offsets_are_copies_of_them(network, engines):
    """In value, in the gradient of each task, and in the derivatives of both with respect to what is shared."""

    variables = [variable.value for variable in engines[0].variables]

    def run(x, shared):
        zeros = [tf.zeros([TASKS, *variable.shape], x.dtype) for variable in variables]
        with tf.GradientTape() as tape:
            tape.watch(zeros)
            if shared:
                outputs = engines[0].at_slow_weights(zeros, x)
            else:
                copies = [variable + zero for variable, zero in zip(variables, zeros, strict=True)]
                outputs = engines[0](copies, x)
            total = tf.reduce_sum(tf.sin(outputs[0]))
        return outputs, tape.gradient(total, zeros)

    arguments = [variables, items(network)]
    shared, own = (derivatives(lambda _, x, s=s: run(x, s), arguments) for s in (True, False))
    assert_same(shared, own)


@pytest.mark.parametrize("network", NORMALIZED, indirect=True)
def test_moments_are_those_of_each_task_and_can_be_given_back(network, engines, weights):
    x = items(network)
    outputs, moments = engines[0](weights, x)
    again, same = engines[0](weights, x[:, :2], moments)
    assert_same(same, moments)
    assert_same(again, outputs[:, :2])
    alone, _ = engines[0]([w[1:2] for w in weights], x[1:2])
    assert_same(alone, outputs[1:2])
    with pytest.raises(AssertionError):
        assert_same(engines[0](weights, x[:, :2])[0], outputs[:, :2])


@pytest.mark.parametrize("network", ["normalized"], indirect=True)
@pytest.mark.parametrize("engine", [0, 1], ids=["batched", "map"])
def test_calls_assign_nothing_and_take_any_number_of_tasks(network, engines, weights, engine):
    before = [v.numpy() for v in network.variables]
    shapes = [tf.TensorSpec([None, *w.shape[1:]], w.dtype) for w in weights]
    x = items(network)
    function = tf.function(
        lambda w, x: engines[engine](w, x)[0],
        input_signature=[shapes, tf.TensorSpec([None, None, *x.shape[2:]], x.dtype)],
    )
    assert_same(function(weights, x), engines[0](weights, x)[0])
    assert_same(
        function([w[:1] for w in weights], x[:1, :2]), engines[0]([w[:1] for w in weights], x[:1, :2])[0]
    )
    assert_same([v.numpy() for v in network.variables], before, rtol=0)
    assert not [
        op.type for op in function.get_concrete_function().graph.get_operations() if "Assign" in op.type
    ]


def test_auto_takes_what_can_run_the_network():
    sequential = keras.Sequential([keras.Input([2]), layers.Dense(3)])
    x = keras.Input([2])
    functional = keras.Model(x, layers.Add()([layers.Dense(2)(x), x]))
    for network, rows in ((sequential, 3), (functional, 2)):
        fast = FastNetwork(network)
        copies = [w[None] for w in fast.slow_weights()]
        outputs, moments = fast(copies, tf.ones([1, 5, 2], tf.float64))
        assert outputs.shape == (1, 5, rows) and moments == []
        assert_same(outputs[0], network(tf.ones([5, 2], tf.float64)))


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Conv2D(2, 2, groups=2),
        lambda: layers.Conv2D(2, 2, dilation_rate=2),
        lambda: layers.DepthwiseConv2D(2),
        lambda: layers.BatchNormalization(axis=1),
        lambda: layers.LayerNormalization(),
    ],
)
def test_batched_refuses_what_it_does_not_know(layer):
    network = keras.Sequential([keras.Input([4, 4, 2]), layer()])
    with pytest.raises(ValueError, match="layers that engine='batched' does not know; use engine='auto'"):
        FastNetwork(network, "batched")


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (lambda: layers.Dropout(0.5, name="drop"), "drop"),
        (lambda: layers.GaussianNoise(0.5, name="noise"), "noise"),
        (lambda: layers.RandomFlip(name="flip"), "flip"),
    ],
)
def test_random_layers_are_named(layer, name):
    network = keras.Sequential([keras.Input([4, 4, 1]), keras.Sequential([layer()])])
    with pytest.raises(ValueError, match=f"^{name}: random layers cannot be adapted"):
        FastNetwork(network)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="norm: such a layer depends on the calls before"):
        FastNetwork(keras.Sequential([keras.Input([2]), layers.BatchNormalization(renorm=True, name="norm")]))
    with pytest.raises(ValueError, match="engine='vmap'; expected 'auto', 'batched' or 'map'"):
        FastNetwork(keras.Sequential([keras.Input([2]), layers.Dense(3)]), "vmap")
    with pytest.raises(ValueError, match="'late' has no weights yet; call it once, or give it"):
        FastNetwork(keras.Sequential([layers.Dense(3)], name="late"))
