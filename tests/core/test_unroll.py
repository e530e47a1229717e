import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.unroll import cut, unroll


def test_outputs_and_states_follow_the_steps():
    state, out = unroll(
        lambda state, step: (
            (state[0] + 1.0, [state[1][0] * 2.0]),
            {"sum": state[0] + state[1][0], "step": step},
        ),
        (tf.constant(0.0), [tf.ones([2])]),
        length=3,
        start=5,
        output={"sum": tf.TensorSpec([2], tf.float32), "step": tf.TensorSpec([], tf.int32)},
    )
    np.testing.assert_allclose(state[0], 3.0)
    np.testing.assert_allclose(state[1][0], [8.0, 8.0])
    np.testing.assert_allclose(out["sum"], [[1.0, 1.0], [3.0, 3.0], [6.0, 6.0]])
    assert out["step"].numpy().tolist() == [5, 6, 7]


@pytest.mark.parametrize("graph", [False, True])
def test_gradients_flow_through_all_steps(graph):
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            _, path = unroll(lambda state, step: (state * x, state * x), tf.constant(1.0), length=4)
            total = tf.reduce_sum(path)  # x + x^2 + x^3 + x^4
        return tape.gradient(total, x)

    slope = (tf.function(gradient) if graph else gradient)(tf.constant(2.0))
    np.testing.assert_allclose(slope, 1 + 2 * 2 + 3 * 4 + 4 * 8)


def test_a_cut_truncates_the_gradient():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        state, _ = unroll(lambda state, step: (state * x, state), tf.constant(1.0), length=2)  # x^2
        state, _ = unroll(lambda state, step: (state * x, state), cut(state), length=1)  # constant * x
    np.testing.assert_allclose(tape.gradient(state, x), 4.0)


def test_the_length_may_be_known_to_the_graph_alone():
    powers = tf.function(lambda n: unroll(lambda x, _: (2.0 * x, x), tf.constant(1.0), n)[1])
    assert powers(tf.constant(3)).numpy().tolist() == [1.0, 2.0, 4.0]
