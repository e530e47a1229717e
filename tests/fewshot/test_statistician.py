import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp

from tfmeta.fewshot.gaussian import Gaussian, divergence
from tfmeta.fewshot.statistician import NeuralStatistician

SIDE, ITEMS = 4, 3
layers = keras.layers


def toy(spread=0.4, **options):
    """A statistician of images of 16 pixels, with weights large enough that nothing is nearly constant."""
    encoder = keras.Sequential([
        keras.Input([SIDE, SIDE, 1]),
        layers.Flatten(),
        layers.Dense(5, activation="tanh", kernel_initializer=keras.initializers.GlorotUniform(seed=3)),
    ])  # fmt: skip
    learner = NeuralStatistician(encoder, **{"context_size": 1, "latent_size": 1, "hidden": 8, **options})
    random = np.random.RandomState(5)
    for network in (learner.set_statistic, *learner.inference, *learner.priors):
        kernel = network.layers[-1].kernel
        kernel.assign(spread * random.randn(*kernel.shape))
    return learner


@pytest.fixture(scope="module")
def learner():
    return toy()


@pytest.fixture(scope="module")
def drawings():
    """One set of binary images, ``[1, ITEMS, SIDE, SIDE, 1]``."""
    return np.random.RandomState(1).binomial(1, 0.4, [1, ITEMS, SIDE, SIDE, 1]).astype(np.float32)


def log_normal(x, gaussian):
    """Log density of coordinates, summed, in NumPy."""
    mean, log_variance = (np.asarray(value, np.float64) for value in gaussian)
    terms = np.log(2 * np.pi) + log_variance + (np.asarray(x, np.float64) - mean) ** 2 / np.exp(log_variance)
    return -0.5 * np.sum(terms, axis=-1)


def log_likelihood(learner, drawings, context, latents):
    """``log p(x | c, z)`` of images ``[L, M, ...]`` under contexts ``[L, M, C]`` and latents ``[L, M, Z]``."""
    known = np.concatenate([context, *latents], axis=-1).astype(np.float32)
    odds = learner.decoder(known.reshape(-1, known.shape[-1]), training=False).numpy()
    odds = odds.reshape(*known.shape[:2], SIDE, SIDE, 1).astype(np.float64)
    return np.sum(drawings * odds - np.logaddexp(0.0, odds), axis=(2, 3, 4))


def log_weights(learner, drawings, samples, seed=0):
    """Samples of ``log p(D, c, z) - log q(c, z | D)``, step by step as the generative model says, ``[L]``."""
    random = np.random.RandomState(seed)

    def draw(gaussian):
        return gaussian.mean + np.exp(0.5 * gaussian.log_variance) * random.randn(*gaussian.mean.shape)

    def items(network, *inputs):
        joined = np.concatenate(inputs, axis=-1).astype(np.float32)
        numbers = network(joined.reshape(-1, joined.shape[-1]), training=False)
        return Gaussian(*(value.numpy() for value in Gaussian.from_numbers(
            tf.reshape(numbers, [*joined.shape[:2], -1])
        )))  # fmt: skip

    features = learner.embed(drawings).numpy().repeat(samples, 0)  # [L, M, D]
    posterior = learner.context(features, np.ones([samples, ITEMS, 1], np.float32))
    posterior = Gaussian(*(value.numpy() for value in posterior))  # [L, 1, C]
    context = draw(posterior)
    weights = (log_normal(context, (0.0, 0.0)) - log_normal(context, posterior))[:, 0]
    context = context.repeat(ITEMS, 1)  # [L, M, C]
    latents = []
    for inference, prior in zip(learner.inference, learner.priors, strict=True):
        found = items(inference, features, context, *latents[-1:])
        latent = draw(found)
        expected = items(prior, context, *latents[-1:])
        weights += np.sum(log_normal(latent, expected) - log_normal(latent, found), axis=1)
        latents.append(latent)
    return weights + log_likelihood(learner, drawings, context, latents).sum(axis=1)


def average(estimates):
    """Mean and standard error."""
    return np.mean(estimates), np.std(estimates) / np.sqrt(len(estimates))


@pytest.mark.parametrize("latent_layers", [1, 2])
def test_the_elbo_is_the_mean_log_weight_of_importance_sampling(drawings, latent_layers):
    """The closed-form divergences of `elbo` against samples of the densities themselves."""
    learner = toy(latent_layers=latent_layers, context_size=2, latent_size=2)
    samples = 4000
    same = tf.repeat(drawings, samples, axis=0)
    found, found_error = average(learner.elbo(same, np.zeros([samples, ITEMS], np.int32), [7, 8]).numpy())
    weights = log_weights(learner, drawings, samples)
    expected, expected_error = average(weights)
    assert abs(found - expected) < 4.0 * np.hypot(found_error, expected_error)
    assert found_error < 0.2  # or the line above says nothing
    # Many samples together estimate the evidence, which the bound stays below.
    assert found < logsumexp(weights) - np.log(samples)


def test_the_evidence_bounds_the_elbo(drawings):
    """With one coordinate each, the integrals over context and latents are sums over a grid."""
    learner = toy(spread=0.1)
    grid = np.linspace(-5.0, 5.0, 61)
    step = np.log(grid[1] - grid[0])
    context, latent = (axis.reshape(-1, 1, 1) for axis in np.meshgrid(grid, grid, indexing="ij"))
    prior = Gaussian.from_numbers(learner.priors[0](context[:, 0].astype(np.float32)))
    joint = log_likelihood(learner, drawings, context, [latent]) + log_normal(latent[:, 0], prior)[:, None]
    items = logsumexp(joint.reshape(len(grid), len(grid), ITEMS), axis=1) + step
    evidence = logsumexp(items.sum(axis=1) + log_normal(grid[:, None], (0.0, 0.0))) + step

    weights = log_weights(learner, drawings, 4000)
    assert logsumexp(weights) - np.log(4000) == pytest.approx(evidence, abs=0.1)
    assert np.mean(weights) < evidence


def test_divergences_are_those_of_the_closed_form():
    random = np.random.RandomState(0)
    means, deviations = random.randn(2, 4, 3), random.uniform(0.3, 2.0, [2, 4, 3])
    a, b = (
        Gaussian(tf.constant(m), tf.constant(2 * np.log(s))) for m, s in zip(means, deviations, strict=True)
    )
    (ma, mb), (sa, sb) = means, deviations
    expected = np.sum(np.log(sb / sa) + (sa**2 + (ma - mb) ** 2) / (2 * sb**2) - 0.5, axis=-1)
    np.testing.assert_allclose(divergence(a, b), expected)
    np.testing.assert_allclose(divergence(a, a), 0.0, atol=1e-12)


def test_logits_are_divergences_of_contexts(drawings):
    task = {
        "support_x": np.random.RandomState(2).rand(1, 5, SIDE, SIDE, 1).astype(np.float32),
        "support_y": np.array([[1, 0, 1, 0, 1]]),
        "query_x": drawings,
    }

    def context(learner, x):
        """Of one set by itself."""
        found = learner.context(learner.embed(x[None]), np.ones([1, len(x), 1], np.float32), as_one=True)
        return Gaussian(found.mean[0, 0], found.log_variance[0, 0])

    for direction in ("support_to_query", "query_to_support"):
        learner = toy(context_size=3, scale=0.5, direction=direction)
        logits = learner(task)
        for q, k in np.ndindex(ITEMS, 2):
            support = context(learner, task["support_x"][0, task["support_y"][0] == k])
            pair = support, context(learner, drawings[0, q : q + 1])
            expected = divergence(*(pair if direction == "support_to_query" else pair[::-1]))
            assert logits[0, q, k].numpy() == pytest.approx(-0.5 * float(expected), rel=1e-4, abs=1e-5)


def test_a_set_has_no_order_and_its_size_counts(learner, drawings):
    def numbers(x):
        found = learner.context(learner.embed(x), np.ones([1, x.shape[1], 1], np.float32))
        return np.concatenate([found.mean, found.log_variance], -1)

    np.testing.assert_allclose(numbers(drawings[:, ::-1]), numbers(drawings), rtol=1e-4, atol=1e-6)
    twice = numbers(np.concatenate([drawings, drawings], axis=1))
    assert np.abs(twice - numbers(drawings)).max() > 1e-3


def test_sets_do_not_touch_each_other(learner, drawings):
    """The bound of two sets is the sum of theirs; labels may come in any order, and name no set."""
    other = 1.0 - drawings
    both = np.stack([other, drawings], axis=2).reshape(1, 2 * ITEMS, SIDE, SIDE, 1)
    labels = np.tile([2, 0], ITEMS)[None]
    samples = 3000

    def mean(x, y):
        tiled = (tf.repeat(value, samples, axis=0) for value in (x, y))
        return average(learner.elbo(*tiled, [1, 2]).numpy())

    one = np.zeros([1, ITEMS], np.int64)
    (together, error), (first, _), (second, _) = mean(both, labels), mean(drawings, one), mean(other, one)
    assert abs(together - first - second) < 6.0 * error


def test_a_class_without_examples_is_never_the_answer(learner, drawings):
    logits = learner({"support_x": drawings, "support_y": tf.constant([[0, 2, 2]]), "query_x": drawings})
    assert np.all(np.isfinite(logits)) and np.all(tf.nn.softmax(logits)[..., 1] == 0.0)


def test_training_draws_what_seed_and_step_say(drawings):
    x = {"support_x": drawings, "support_y": tf.constant([[0, 1, 1]]), "query_x": 1.0 - drawings}
    y = tf.constant([[0, 0, 1]])

    def losses(seed):
        learner = toy(seed=seed)
        learner.compile(optimizer=keras.optimizers.SGD(0.0))
        for step in range(3):
            learner.optimizer.iterations.assign(step)
            yield float(learner.compute_loss(x, y))

    drawn = list(losses(0))
    assert drawn == list(losses(0)) and len(set(drawn)) == 3
    assert drawn != list(losses(1))


def test_items_are_left_out_at_random_but_never_all():
    from tfmeta.fewshot.statistician import _left_out

    members = tf.one_hot(tf.constant(np.tile([0, 1, 1, 1, 1], [2000, 1])), 3)
    left = _left_out(members, 0.5, [0, 0]).numpy()
    assert np.all(left[:, 0, 0] == 1.0) and np.all(left[..., 2] == 0.0)
    kept = left[:, 1:, 1].sum(axis=1)
    # Four items, each kept with probability 1/2; none at all becomes one.
    np.testing.assert_allclose(np.bincount(kept.astype(int), minlength=5) / 2000,
                               np.array([0, 5, 6, 4, 1]) / 16, atol=0.04)  # fmt: skip


def test_the_cross_entropy_of_queries_joins_the_loss_if_asked_for(drawings):
    x = {"support_x": drawings, "support_y": tf.constant([[0, 1, 2]]), "query_x": 1.0 - drawings}
    y = tf.constant([[0, 0, 1]])
    plain, weighted = toy(), toy(episode_weight=0.5)
    losses = [learner.compute_loss(x, y, training=False) for learner in (plain, weighted)]
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y, plain(x))
    assert float(losses[1] - losses[0]) == pytest.approx(0.5 * float(entropy), rel=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context_size": 0}, "context_size=0.*at least 1"),
        ({"sample_dropout": 1.0}, "sample_dropout=1.0"),
        ({"direction": "sideways"}, "expected one of support_to_query, query_to_support"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        toy(**options)


def test_only_images_can_be_drawn():
    with pytest.raises(ValueError, match=r"must take \(H, W, C\)"):
        NeuralStatistician(keras.Sequential([keras.Input([3]), layers.Dense(2)]))
