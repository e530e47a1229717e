import pytest
import tensorflow as tf

from tfmeta.core.graph_checks import after, check_finite, check_leading, check_shape, require


def graph(function, *specs):
    return tf.function(function, input_signature=specs, autograph=False)


def test_a_message_says_what_came():
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"5 of \[1, 2\], not 3\."):
        require(
            tf.constant(False), tf.constant(5), " of ", tf.constant([1, 2]), ", not ", tf.constant(3), "."
        )


def test_a_check_comes_before_what_it_guards():
    def function(x):
        (x,) = after([require(tf.reduce_all(x >= 0), "negative: ", tf.cast(x, tf.int32))], x)
        return tf.raw_ops.CheckNumerics(tensor=tf.sqrt(x), message="the guarded op ran")

    function = graph(function, tf.TensorSpec([None]))
    assert function([4.0]) == 2.0
    for _ in range(20):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"negative: \[-4\]"):
            function([-4.0])


@pytest.mark.parametrize("shape", [[2], [2, 4], [2, 3, 1], []])
def test_a_wrong_shape_is_told(shape):
    # Through an argument of unknown shape, as a server calls.
    function = graph(lambda x: check_shape("x", x, ("B", 3), "reshape it"), tf.TensorSpec(None))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"expected \[B, 3\]; reshape it\.") as caught:
        function(tf.zeros(shape))
    assert f"x has the shape {shape}" in caught.value.message


def test_a_right_shape_is_known_afterwards():
    traced = graph(lambda x: check_shape("x", x, ("B", 3)), tf.TensorSpec(None)).get_concrete_function()
    assert traced.output_shapes == tf.TensorShape([None, 3])
    assert traced(tf.ones([0, 3])).shape == [0, 3]


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf")])
def test_odd_numbers_are_counted(odd):
    with pytest.raises(tf.errors.InvalidArgumentError, match="x holds 2 numbers that are NaN or infinite"):
        check_finite("x", tf.constant([1.0, odd, odd]))
    assert check_finite("x", tf.zeros([0])).shape == [0]


def test_leading_dimensions_must_agree():
    x, y = check_leading(x=tf.zeros([2, 1]), y=tf.zeros([2]))
    assert x.shape == [2, 1] and y.shape == [2]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"x, y hold \[2, 1\] tasks"):
        check_leading(x=tf.zeros([2]), y=tf.zeros([1]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least 1"):
        check_leading(x=tf.zeros([0]), y=tf.zeros([0]))
