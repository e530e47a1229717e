"""TRPO beside TF-Agents' PPO, on the task that everybody knows."""

from tests.rl.cartpole import CartPole
from tests.rl.trainers import trainer_of
from tfmeta.core.batch_seeds import batch_seeds


def test_cart_and_pole_stands_as_long_as_with_ppo_of_tf_agents():
    began, reached = {}, {}
    for agent, options in (("trpo", {"gae_lambda": 0.95}), ("ppo", {"gae_lambda": 0.95, "minibatches": 4})):
        trainer = trainer_of(CartPole(40), 24, units=8, agent=agent, options=options)
        history = trainer.fit(batch_seeds(0), steps_per_epoch=3, epochs=6, shuffle=False, verbose=0).history
        began[agent], reached[agent] = history["return"][0], history["return"][-1]
    assert max(began.values()) < 34, began
    assert min(reached.values()) > 37 and reached["trpo"] > reached["ppo"] - 5, reached
