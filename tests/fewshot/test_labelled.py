import numpy as np
import pytest
import tensorflow as tf

from tfmeta.fewshot.labelled import labelled_size, pack_labelled, unpack_labelled


def test_embeddings_and_labels_come_back_from_a_state():
    embedded = np.random.RandomState(0).randn(2, 4, 3).astype(np.float32)
    labels = np.array([[0, 1, 1, 2], [3, 2, 1, 0]])
    state = pack_labelled(tf.constant(embedded), labels)
    assert state.shape == (2, 16) and labelled_size(3).fits(16) and not labelled_size(3).fits(15)
    found, found_labels = unpack_labelled(state, 3)
    np.testing.assert_array_equal(found, embedded)
    np.testing.assert_array_equal(found_labels, labels)


def test_a_label_without_items_below_it_is_refused():
    """It would be lowered on the way back, and be the answer of another class."""
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"support_y holds the label 2 but the support set only 2 items; expected classes numbered 0, 1, 2",
    ):
        pack_labelled(tf.zeros([1, 2, 3]), np.array([[0, 2]]))


def test_no_state_makes_classes_without_end():
    state = np.array([[0.5, 1e9, 0.25, 0.0]], np.float32)
    assert unpack_labelled(state, 1)[1].numpy().tolist() == [[1, 0]]
