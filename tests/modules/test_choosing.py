"""The chooser: words in the graph, scores by their equation, and how a choice is learnt."""

import numpy as np
import pytest
import tensorflow as tf

from tests.modules.worlds import WORDS
from tfmeta.modules.chooser import LayoutChooser
from tfmeta.modules.choosing import divergence, expected_loss, marginal_loss, reinforce_loss, sample_choice
from tfmeta.modules.layout import MODULES
from tfmeta.modules.program import read_programs
from tfmeta.modules.vocabulary import Vocabulary, question_words, slug, split_words

CANDIDATES = [
    ["find[red]", "find[red]", "and", "exists"],
    ["find[round]", "relate[above]", "describe[unheard-of]", ""],
    ["", "", "", ""],
]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_words_are_numbers():
    vocabulary = Vocabulary(["round", "red", "é"])
    words = np.array([["red", "é", "nothing"], ["round", "", "Red"]])
    assert vocabulary.ids(tf.constant(words)).numpy().tolist() == [[1, 2, 3], [0, 3, 3]]
    assert (vocabulary.unknown, vocabulary.size) == (3, 4)
    assert Vocabulary([]).ids(tf.constant(["red"])).numpy().tolist() == [0]
    for words, message in ((["a", "a"], "these words come twice: a"), (["a", ""], "a word is empty")):
        with pytest.raises(ValueError, match=message):
            Vocabulary(words)


def test_questions_are_split_into_words():
    words = split_words(tf.constant(["Is it RED, or 2 Ähren?", "", "??"])).numpy().tolist()
    assert [[w.decode() for w in row if w] for row in words] == [
        ["is", "it", "red", "or", "2", "ähren", "."], ["."], ["."],
    ]  # fmt: skip
    assert question_words(["Is it?", "it is."]) == (".", "is", "it")
    assert slug(tf.constant(["St. Mary's ", "Key_Largo"])).numpy().tolist() == [b"st-mary-s", b"key-largo"]


@pytest.fixture(scope="module")
def chooser():
    chooser = LayoutChooser(5, len(WORDS) + 1, units=6, hidden=7, seed=0)
    random = np.random.RandomState(1)
    for weight in chooser.weights:
        weight.assign(random.randn(*weight.shape) / 2)
    return chooser


def transcribed(chooser, question, candidate):
    """The score of a candidate, with its features written out."""
    words, B, C_modules, C_arguments, d, a = (
        getattr(chooser, name).numpy() for name in ("words", "B", "C_modules", "C_arguments", "d", "a")
    )
    kernel, recurrent, bias = (weight.numpy() for weight in chooser.lstm.weights)
    h, memory = np.zeros([2, 6])
    for word in question:
        i, f, c, o = np.split(words[word] @ kernel + h @ recurrent + bias, 4)
        memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(c)
        h = sigmoid(o) * np.tanh(memory)
    modules, arguments = np.zeros(len(MODULES)), np.zeros(len(WORDS) + 1)
    for token in filter(None, candidate):
        module, _, word = token.rstrip("]").partition("[")
        modules[list(MODULES).index(module)] += 1
        if word:
            arguments[WORDS.index(word) if word in WORDS else len(WORDS)] += 1
    return a[:, 0] @ np.maximum(h @ B + modules @ C_modules + arguments @ C_arguments + d, 0)


def test_scores_are_those_of_the_equation(chooser):
    program = read_programs(tf.constant([CANDIDATES, CANDIDATES]), Vocabulary(WORDS))
    questions = np.array([[1, 4, 2], [3, 0, 0]])
    asked = np.array([[True, True, True], [True, False, False]])
    scores = chooser(tf.constant(questions), tf.constant(asked), program).numpy()
    for row, question in enumerate(([1, 4, 2], [3])):
        for column in range(2):
            expected = transcribed(chooser, question, CANDIDATES[column])
            np.testing.assert_allclose(scores[row, column], expected, rtol=1e-4, atol=1e-5)
    assert (scores[:, 2] == -1e9).all()


def test_draws_are_those_of_the_softmax_and_of_the_seed():
    scores = tf.tile(tf.math.log(tf.constant([[0.6, 0.3, 0.1, 0.0]])), [4000, 1])
    draws = sample_choice(scores, [3, 0]).numpy()
    np.testing.assert_allclose(np.bincount(draws, minlength=4) / 4000, [0.6, 0.3, 0.1, 0.0], atol=0.03)
    np.testing.assert_array_equal(draws, sample_choice(scores, [3, 0]))
    assert (draws != sample_choice(scores, [3, 1]).numpy()).any()


def test_a_candidate_is_pushed_towards_its_share_in_the_answer():
    scores = tf.Variable([[0.0, 1.0, -1.0, -1e9]])
    losses = tf.constant([[2.0, 0.5, 9.0, 0.0]])
    with tf.GradientTape() as tape:
        loss = marginal_loss(scores, losses)
    chances = np.exp([0.0, 1.0, -1.0, -np.inf]) / np.exp([0.0, 1.0, -1.0]).sum()
    joint = chances * np.exp(-losses[0].numpy())
    np.testing.assert_allclose(loss, [-np.log(joint.sum())], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(loss, scores)[0], chances - joint / joint.sum(), atol=1e-6)


def test_what_has_fallen_to_nothing_comes_back():
    scores = tf.Variable([[0.0, -15.0]])
    losses = tf.constant([[18.0, 0.1]])
    slopes = []
    for loss in (expected_loss, marginal_loss):
        with tf.GradientTape() as tape:
            found = loss(scores, losses)
        slopes.append(float(tape.gradient(found, scores)[0, 1]))
    assert slopes[1] < -0.9 and abs(slopes[0]) < 1e-4


def test_reinforce_is_the_gradient_of_the_expected_loss_on_average():
    scores = tf.Variable(np.random.RandomState(0).randn(2, 3))
    losses = np.array([[1.0, 2.0, 4.0], [0.5, 0.0, 3.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(expected_loss(scores, tf.constant(losses)))
    exact = tape.gradient(loss, scores).numpy()
    probabilities, mean = tf.nn.softmax(scores).numpy(), np.zeros([2, 3])
    for first in range(3):
        for second in range(3):
            choice = tf.constant([first, second])
            with tf.GradientTape() as tape:
                loss = reinforce_loss(scores, choice, tf.constant([losses[0, first], losses[1, second]]))
            weight = probabilities[0, first] * probabilities[1, second]
            mean += weight * tape.gradient(loss, scores).numpy()
    np.testing.assert_allclose(mean, exact, atol=1e-12)


def test_divergence_is_the_entropy_that_is_lost_where_all_were_equally_likely():
    scores = tf.constant([[0.0, 0.0, -1e9], [np.log(3.0), 0.0, -1e9]], tf.float32)
    equal = tf.constant([[0.0, 0.0, -1e9]] * 2)
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    np.testing.assert_allclose(divergence(scores, equal), [0.0, np.log(2) - entropy], atol=1e-6)
    np.testing.assert_allclose(divergence(scores, scores), [0.0, 0.0], atol=1e-6)


def test_a_candidate_that_says_more_is_likelier_beforehand():
    program = read_programs(tf.constant([CANDIDATES]), Vocabulary(WORDS))
    plain, complete = (LayoutChooser(5, len(WORDS) + 1, completeness=k, seed=0) for k in (0.0, 0.5))
    asked = tf.constant([[1, 2]]), tf.constant([[True, True]])
    gained = complete(*asked, program) - plain(*asked, program)
    # Two arguments of find; find, relate and describe.
    np.testing.assert_allclose(gained[0, :2], [1.0, 1.5], atol=1e-6)
    np.testing.assert_allclose(complete.prior(program), [[1.0, 1.5, -1e9]], rtol=1e-6)
