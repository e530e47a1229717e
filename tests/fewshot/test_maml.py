import numpy as np
import pytest
import tensorflow as tf

from tests.fewshot.toys import TASKS, convolutional, dense, episode
from tfmeta.fewshot.maml import MAML

pytestmark = pytest.mark.usefixtures("float64")


@pytest.fixture(scope="module", params=["support", "transductive", "none"])
def learner(request):
    return MAML(convolutional(), inner_rate=0.2, inner_steps=2, batch_statistics=request.param)


def test_only_transductive_answers_depend_on_the_other_queries(learner):
    inputs, _ = episode(learner.network)
    answers = learner(inputs).numpy()
    some = learner({**inputs, "query_x": inputs["query_x"][:, 1:3]}).numpy()
    alone = learner({**inputs, "query_x": inputs["query_x"][:, 2:3]}).numpy()
    if learner.batch_statistics == "transductive":
        assert np.abs(some - answers[:, 1:3]).min() > 1e-3
        assert np.abs(alone - answers[:, 2:3]).min() > 1e-3
    else:
        np.testing.assert_allclose(some, answers[:, 1:3], rtol=1e-12)
        np.testing.assert_allclose(alone, answers[:, 2:3], rtol=1e-12)


def test_tasks_do_not_depend_on_one_another(learner):
    inputs, _ = episode(learner.network)
    alone = learner({name: value[1:] for name, value in inputs.items()})
    np.testing.assert_allclose(alone, learner(inputs)[1:], rtol=1e-12)


def test_the_task_state_holds_what_queries_need(learner):
    inputs, _ = episode(learner.network)
    state = learner.adapt(inputs["support_x"], inputs["support_y"])
    weights = sum(v.value.shape.num_elements() for v in learner.network.trainable_variables)
    assert state.shape == (TASKS, weights + (2 * 2 if learner.batch_statistics == "support" else 0))
    np.testing.assert_allclose(learner.respond(state, inputs["query_x"]), learner(inputs), rtol=1e-12)


@pytest.mark.parametrize("learner", ["support"], indirect=True)
def test_more_steps_than_learnt_repeat_the_last_rates(learner):
    inputs, _ = episode(learner.network)
    rates = np.full(learner.inner_rates.shape, 0.1)
    rates[-1] = 0.3
    support = inputs["support_x"], inputs["support_y"]
    one, two, four = (MAML(learner.network, inner_steps=steps) for steps in (1, 2, 4))
    one.inner_rates.assign(rates[:1])
    two.inner_rates.assign(rates)
    four.inner_rates.assign(rates[[0, 1, 1, 1]])
    np.testing.assert_array_equal(two.adapt(*support, steps=1), one.adapt(*support))
    np.testing.assert_array_equal(two.adapt(*support), two.adapt(*support, steps=2))
    np.testing.assert_array_equal(two.adapt(*support, steps=4), four.adapt(*support))
    served = MAML(learner.network, inner_steps=2, test_steps=4)
    served.inner_rates.assign(rates)
    np.testing.assert_array_equal(served.adapt(*support), four.adapt(*support))
    np.testing.assert_array_equal(served.adapt(*support, training=True), two.adapt(*support))
    start = two.adapt(*support, steps=0).numpy()[:, : -2 * 2]
    slow = np.concatenate([v.numpy().ravel() for v in learner.network.trainable_variables])
    np.testing.assert_array_equal(start, [slow] * TASKS)


def test_a_label_that_the_head_has_no_output_for_is_refused():
    network = dense()
    inputs, _ = episode(network)
    for labels, found in (([[0, 0, 1, 2]], "from 0 to 2"), ([[0, -1, 1, 1]], "from -1 to 1")):
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=f"{found}; expected 0 to 1, since this learner"
        ):
            MAML(network).adapt(inputs["support_x"][:1], np.array(labels))


def test_steps_lower_the_support_loss():
    network = dense()
    learner = MAML(network, inner_rate=0.5)
    inputs, _ = episode(network)
    losses = []
    for steps in (0, 1, 5, 25):
        state = learner.adapt(inputs["support_x"], inputs["support_y"], steps=steps)
        logits = learner.respond(state, inputs["support_x"])
        losses.append(
            tf.nn.sparse_softmax_cross_entropy_with_logits(inputs["support_y"], logits).numpy().mean()
        )
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"task": "ranking"}, "task='ranking'; expected 'classification' or 'regression'"),
        (
            {"batch_statistics": "mine"},
            "batch_statistics='mine'; expected 'support', 'transductive', 'per_step' or 'none'",
        ),
        ({"inner_steps": -1}, "inner_steps=-1, inner_rate=0.4; expected steps >= 0 and a rate > 0"),
        ({"inner_rate": 0.0}, "inner_steps=1, inner_rate=0.0; expected steps >= 0 and a rate > 0"),
        ({"adapt_only": "tail"}, "adapt_only='tail'; expected 'all' or 'head'"),
        ({"first_order_until": -1}, "first_order_until=-1, multi_step_until=0; expected numbers of"),
        ({"engine": "loop"}, "engine='loop'; expected 'auto', 'batched' or 'map'"),
    ],
)
def test_unknown_options_are_named(bad, message):
    with pytest.raises(ValueError, match=message):
        MAML(dense(), **bad)
