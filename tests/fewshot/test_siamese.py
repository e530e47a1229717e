import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.fewshot.toys import randomized
from tfmeta.core.cards import Card
from tfmeta.core.episodes import episodes
from tfmeta.core.export import export
from tfmeta.core.gate import check_artefact
from tfmeta.core.gate.replay import Call, run_without_python
from tfmeta.core.hub import load
from tfmeta.core.pairs import pairs
from tfmeta.data.encoded import encode_drawings
from tfmeta.fewshot.pair_losses import contrastive_loss, verification_loss
from tfmeta.fewshot.servable import few_shot_servable
from tfmeta.fewshot.siamese import SiameseNetwork
from tfmeta.networks import conv4

LOSSES = ("contrastive", "verification")
MARGIN = 2.0


def identity(features=3):
    """With the identity as the embedding, distances can be read off."""
    return keras.Sequential([keras.Input([features]), keras.layers.Identity()])


@pytest.fixture(scope="module", params=LOSSES)
def learner(request):
    learner = SiameseNetwork(identity(), loss=request.param, margin=MARGIN)
    if request.param == "verification":
        learner.alpha.assign([-1.0, -0.5, -2.0])
    return learner


def log_odds(learner, a, b):
    """The definition, for one pair, in NumPy."""
    if learner.pair_loss == "contrastive":
        return 4.0 * (1.0 - np.sqrt(np.sum((a - b) ** 2)))  # 8 (1/2 - distance / margin)
    return 3.0 + np.abs(a - b) @ [-1.0, -0.5, -2.0]


def pair_cost(learner, a, b, same):
    """The slide's loss or Koch's cross-entropy, for one pair, in NumPy."""
    if learner.pair_loss == "contrastive":
        distance = np.sqrt(np.sum((a - b) ** 2))
        return distance if same else max(MARGIN - distance, 0.0)
    return cross_entropy(learner, a, b, same)


def cross_entropy(learner, a, b, same):
    probability = 1 / (1 + np.exp(-log_odds(learner, a, b)))
    return -np.log(probability if same else 1 - probability)


def expected_loss(learner, sets):
    """Over all pairs of items of a set; both kinds of pairs weigh the same."""
    costs, entropies = {True: [], False: []}, {True: [], False: []}
    for items, labels in sets:
        for i in range(len(items)):
            for j in range(i):
                same = labels[i] == labels[j]
                costs[same].append(pair_cost(learner, items[i], items[j], same))
                entropies[same].append(cross_entropy(learner, items[i], items[j], same))
    loss = sum(np.mean(kind) for kind in costs.values()) / 2
    if learner.pair_loss == "contrastive":  # the logistic curve over the distances has its own term
        loss += sum(np.mean(kind) for kind in entropies.values()) / 2
    return loss


@pytest.fixture(scope="module")
def task():
    random = np.random.RandomState(0)
    inputs = {
        "support_x": random.randn(2, 5, 3).astype(np.float32),
        "support_y": np.array([[0, 1, 1, 2, 2], [2, 0, 0, 0, 1]]),
        "query_x": random.randn(2, 4, 3).astype(np.float32),
    }
    return inputs, np.array([[0, 1, 2, 0], [2, 1, 1, 0]])


def test_the_contrastive_loss_is_the_slides():
    distances, same = np.array([0.5, 3.0, 0.0, 0.25, 1.75, 3.0]), np.array([1, 1, 1, 0, 0, 0], bool)
    by_hand = [np.maximum(MARGIN - d, 0) if not s else d for d, s in zip(distances, same, strict=True)]
    loss = contrastive_loss(tf.constant(distances), same, ~same, MARGIN)
    assert float(loss) == pytest.approx(np.mean(by_hand))
    hard = contrastive_loss(tf.constant(distances), same, ~same, MARGIN, hard_pairs=True)
    assert float(hard) == pytest.approx(((0.5 + 3.0) / 3 + (1.75 + 0.25) / 2) / 2)
    far = contrastive_loss(tf.constant(distances + 9), same, ~same, MARGIN, hard_pairs=True)
    assert float(far) == pytest.approx((0.5 + 3.0 + 27) / 3 / 2)  # no different pair is left


def test_both_kinds_of_pairs_weigh_the_same():
    odds, same = tf.constant([0.3, -1.0, 2.0, 0.5]), np.array([1, 0, 0, 0], bool)
    by_hand = np.log1p(np.exp(-0.3)) / 2 + np.log1p(np.exp([-1.0, 2.0, 0.5])).mean() / 2
    assert float(verification_loss(odds, same, ~same)) == pytest.approx(by_hand)
    ignored = np.array([0, 0, 1, 0], bool)  # neither the same nor different
    by_hand = np.log1p(np.exp(-0.3)) / 2 + np.log1p(np.exp([-1.0, 0.5])).mean() / 2
    assert float(verification_loss(odds, same, ~same & ~ignored)) == pytest.approx(by_hand)


def test_verification_is_the_definition(learner, task):
    a, b = task[0]["support_x"][0, :4], task[0]["query_x"][0]
    by_hand = [log_odds(learner, *pair) for pair in zip(a, b, strict=True)]
    np.testing.assert_allclose(learner.log_odds(a, b), by_hand, rtol=1e-4)
    np.testing.assert_allclose(learner({"a": a, "b": b}), by_hand, rtol=1e-4)
    np.testing.assert_allclose(learner.verify(a, b), 1 / (1 + np.exp(np.negative(by_hand))), rtol=1e-4)
    np.testing.assert_allclose(learner.verify(b, a), learner.verify(a, b), rtol=1e-6)
    assert np.all(learner.verify(a, a) >= learner.verify(a, b))


def test_the_loss_of_an_episode_is_that_of_all_its_pairs(learner, task):
    inputs, query_y = task
    items = np.concatenate([inputs["support_x"], inputs["query_x"]], axis=1)
    labels = np.concatenate([inputs["support_y"], query_y], axis=1)
    found = learner.compute_loss(inputs, tf.constant(query_y))
    assert float(found) == pytest.approx(expected_loss(learner, zip(items, labels, strict=True)), rel=1e-4)


def test_the_loss_of_pairs_is_that_of_each(learner, task):
    a, b = task[0]["support_x"][:, 0], task[0]["query_x"][:, 0]
    found = learner.compute_loss({"a": a, "b": b}, tf.constant([1, 0]))
    sets = [((a[0], b[0]), (0, 0)), ((a[1], b[1]), (0, 1))]
    assert float(found) == pytest.approx(expected_loss(learner, sets), rel=1e-4)


@pytest.mark.parametrize(("score", "reduce"), [("mean", np.mean), ("nearest", np.max)])
def test_the_logit_of_a_class_is_over_its_shots(learner, task, score, reduce):
    inputs, _ = task
    scored = type(learner).from_config({**learner.get_config(), "class_score": score})
    scored.set_weights(learner.get_weights())
    logits = scored(inputs).numpy()
    for b, q, n in np.ndindex(2, 4, 3):
        shots = inputs["support_x"][b][inputs["support_y"][b] == n]
        by_hand = reduce([log_odds(learner, inputs["query_x"][b, q], shot) for shot in shots])
        assert logits[b, q, n] == pytest.approx(by_hand, rel=1e-4)


@pytest.mark.parametrize("score", ["mean", "nearest"])
def test_a_class_without_examples_is_never_the_answer(task, score):
    labels = np.where(task[0]["support_y"] == 1, 2, task[0]["support_y"])
    learner = SiameseNetwork(identity(), class_score=score)
    probabilities = tf.nn.softmax(learner({**task[0], "support_y": labels}))
    assert np.all(probabilities[..., 1] == 0.0)
    np.testing.assert_allclose(tf.reduce_sum(probabilities, -1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_equal_images_leave_the_gradient_finite(loss):
    learner = SiameseNetwork(
        randomized(keras.Sequential([keras.Input([3]), keras.layers.Dense(2)])), loss=loss
    )
    same, other = np.ones([4, 3], np.float32), np.zeros([4, 3], np.float32)
    with tf.GradientTape() as tape:
        value = learner.compute_loss(
            {"a": same, "b": np.concatenate([same[:2], other[:2]])}, tf.constant([1, 1, 0, 0])
        )
    for gradient in tape.gradient(value, learner.trainable_variables):
        assert np.all(np.isfinite(gradient))


def test_the_curve_over_distances_takes_no_part_in_training_them(task):
    network = randomized(keras.Sequential([keras.Input([3]), keras.layers.Dense(2)]))

    def gradient(slope):
        learner = SiameseNetwork(network)
        learner.slope.assign(slope)
        with tf.GradientTape() as tape:
            value = learner.compute_loss(task[0], tf.constant(task[1]))
        return tape.gradient(value, network.trainable_variables[0].value)

    np.testing.assert_allclose(gradient(1.0), gradient(20.0), rtol=1e-6)


@pytest.fixture(scope="module")
def bars():
    """Six classes of eight noisy drawings each: a bar in one of six places."""
    random = np.random.RandomState(0)
    images = np.zeros([6, 8, 6, 6, 1], np.uint8)
    for number in range(6):
        images[number, :, number] = 200
    return images + random.randint(55, size=images.shape).astype(np.uint8)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", ["pairs", "episodes"])
def test_it_learns_from_pairs_and_from_episodes(bars, loss, kind):
    glorot = keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator(1))
    layers = [keras.layers.Flatten(), keras.layers.Dense(8, kernel_initializer=glorot)]
    learner = SiameseNetwork(keras.Sequential([keras.Input([6, 6, 1]), *layers]), loss=loss)
    data = pairs(bars, batch_size=16) if kind == "pairs" else episodes(bars, ways=5, shots=1, queries=2)
    learner.compile(optimizer=keras.optimizers.Adam(0.03))
    # As many epochs as the loss takes to be averaged over, Keras's progress off.
    history = learner.fit(data, steps_per_epoch=15, epochs=4, shuffle=False, verbose=0).history["loss"]
    assert history[-1] < 0.6 * history[0]
    test, same = next(iter(pairs(bars, batch_size=64, seed=9)))
    assert np.mean((learner.verify(**test) > 0.5) == (same == 1)) > 0.9
    assert learner.evaluate(data, steps=1, verbose=0) < history[0]  # the same loss where none is compiled


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": 0.0}, "margin=0.0; expected a distance above 0"),
        ({"margin": -1.0}, "margin=-1.0; expected a distance above 0"),
        ({"loss": "triplet"}, "loss='triplet'; expected 'contrastive' or 'verification'"),
        ({"class_score": "median"}, "class_score='median'; expected 'mean' or 'nearest'"),
    ],
)
def test_unknown_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        SiameseNetwork(identity(), **options)


@pytest.mark.parametrize(("same", "kinds"), [([1, 1], r"\[2, 0\]"), ([0, 0], r"\[0, 2\]")])
def test_pairs_of_one_kind_are_refused(learner, same, kinds):
    x = np.zeros([2, 3], np.float32)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=f"{kinds}; expected some of each, so give two cl"
    ):
        learner.compute_loss({"a": x, "b": x + 1}, tf.constant(same))


def test_no_shots_are_refused(learner):
    with pytest.raises(ValueError, match="shots=0; expected at least one example of each class"):
        learner.adapt(np.zeros([1, 0, 3], np.float32), np.zeros([1, 0], np.int64))


# What is served.

SIDE = 28


@pytest.fixture(scope="module")
def drawings():
    return (np.random.RandomState(0).rand(1, 5, SIDE, SIDE, 1) > 0.8).astype(np.float32)


@pytest.fixture(scope="module")
def trained():
    learner = SiameseNetwork(randomized(conv4(filters=4, downsampling="stride", seed=0)))
    learner.slope.assign(1.0)  # the distances of this network go to ten, where a steep curve says nothing
    learner.threshold.assign(4.0)
    return learner


@pytest.fixture(scope="module")
def artefact(trained, drawings, tmp_path_factory):
    example = {"support_x": drawings[:, :3], "support_y": [[0, 1, 2]], "query_x": drawings[:, 3:]}
    servable = few_shot_servable(trained, "siamese", example_episode=example, card=Card("Verifies."))
    return export(servable, tmp_path_factory.mktemp("models"))


def test_it_is_served_with_verification(artefact, in_a_hurry):
    report = check_artefact(artefact)
    assert report.ok, str(report)
    assert {"verify", "verify_png", "classify", "adapt_png"} <= set(report.latency)


def test_served_verification_is_the_learners(artefact, trained, drawings):
    a, b = drawings[0, :3], drawings[0, [3, 4, 2]]  # the last pair is of equal images
    model = load(artefact)
    expected = trained.verify(a, b).numpy()
    assert expected.shape == (3,) and np.all(expected[:2] < 0.9 * expected[2])
    np.testing.assert_allclose(model.verify(a=a, b=b)["probability"], expected, rtol=1e-4)
    # A border, by which the graph tells paper from ink.
    a, b = (np.pad(x[:, 1:-1, 1:-1], [[0, 0], [1, 1], [1, 1], [0, 0]]) for x in (a, b))
    files = {"a_png": encode_drawings(a).numpy(), "b_png": encode_drawings(b).numpy()}
    found = model.verify_png(**files)["probability"]
    np.testing.assert_allclose(found, trained.verify(a, b), rtol=1e-3)


def test_only_drawings_are_verified_as_files():
    learner = SiameseNetwork(identity())
    example = {"support_x": np.zeros([1, 2, 3]), "support_y": [[0, 1]], "query_x": np.zeros([1, 1, 3])}
    servable = few_shot_servable(learner, "x", example_episode=example, card=Card("X."))
    assert "verify" in servable.signatures and "verify_png" not in servable.signatures


def zeros(*shape):
    return np.zeros(shape, np.float32)


BAD_REQUESTS = [
    (
        "verify",
        {"a": zeros(2, 28, 28, 1), "b": zeros(1, 28, 28, 1)},
        "a, b hold [2, 1] images; expected as ma",
    ),
    ("verify", {"a": zeros(0, 28, 28, 1), "b": zeros(0, 28, 28, 1)}, "hold [0, 0] images; expected as many"),
    (
        "verify",
        {"a": zeros(1, 28, 28, 1), "b": zeros(1, 32, 32, 1)},
        "b has the shape [1, 32, 32, 1], expected [B, 28, 28, 1]",
    ),
    (
        "verify",
        {"a": zeros(28, 28, 1), "b": zeros(28, 28, 1)},
        "a has the shape [28, 28, 1], expected [B, 28,",
    ),
    ("verify", {"a": zeros(1, 28, 28, 1) + np.nan, "b": zeros(1, 28, 28, 1)}, "a holds 784 numbers that are"),
    (
        "verify_png",
        {"a_png": np.array([b"a.png"]), "b_png": np.array([b"b.png"])},
        "a_png holds 1 items that ar",
    ),
    (
        "verify_png",
        {"a_png": np.array([[b""]]), "b_png": np.array([b""])},
        "a_png has the shape [1, 1], expec",
    ),
]


def test_a_bad_request_is_refused_with_words(artefact):
    calls = [Call(signature, request) for signature, request, _ in BAD_REQUESTS]
    answers = run_without_python(artefact, calls)
    for answer, (_, _, words) in zip(answers, BAD_REQUESTS, strict=True):
        assert answer.error is not None and answer.error.startswith("INVALID_ARGUMENT")
        assert words in answer.error


@pytest.mark.parametrize("loss", LOSSES)
def test_probabilities_can_be_fitted_to_other_pairs(loss):
    """The least cross-entropy is found, and the order of pairs stays."""
    random = np.random.RandomState(0)
    same = np.arange(400) % 2
    a = random.randn(400, 3).astype(np.float32)
    b = a + np.where(same, 0.3, 1.0)[:, None].astype(np.float32) * random.randn(400, 3).astype(np.float32)
    learner = SiameseNetwork(identity(), loss=loss, margin=50.0)
    before = learner.log_odds(a, b).numpy()
    given = tf.data.Dataset.from_tensors(({"a": a, "b": b}, same))
    learner.calibrate(given, batches=1)
    after = learner.log_odds(a, b).numpy()
    assert np.corrcoef(before, after)[0, 1] == pytest.approx(1.0)

    def entropy(odds):
        return np.mean(np.log1p(np.exp(np.where(same, -odds, odds))))

    assert entropy(after) < entropy(before)
    for scale, shift in ((1.1, 0.0), (0.9, 0.0), (1.0, 0.1), (1.0, -0.1)):
        assert entropy(after) < entropy(scale * after + shift)
    with pytest.raises(ValueError, match="no more alike than others"):
        learner.calibrate(given.map(lambda x, y: (x, 1 - y)), batches=1)
