"""Policies for tabular MDPs: plans beside brute force, beliefs beside their equations, numbers beside the paper's."""

import itertools
import math

import numpy as np
import pytest

from tfmeta.rl.baselines import (
    BEB,
    MDP_BASELINES,
    OPSRL,
    PSRL,
    TUNING_SEED,
    UCRL2,
    Belief,
    EpsilonGreedyMDP,
    MDPPolicy,
    MDPTask,
    UniformActions,
    extended_plan,
    mdp_baselines,
    plan,
    run_mdps,
    tune_mdps,
)
from tfmeta.rl.baselines.mdps.planning import evaluate_plan
from tfmeta.rl.published import PUBLISHED_MDPS


def draw(trials=4, states=3, actions=2, seed=0):
    return MDPTask.draw(trials, states, actions, np.random.default_rng(seed))


def begun(policy, belief=None, trials=4, states=3, actions=2, horizon=3):
    """A policy before its first episode, which believes what it is told."""
    policy.begin(trials, states, actions, horizon, np.random.default_rng(0))
    policy.belief = belief or policy.belief
    policy.begin_episode()
    return policy


def visited(trials=4, states=3, actions=2, steps=40):
    """A belief after random steps, some pairs of which were never visited."""
    belief, rng = Belief.prior(trials, states, actions), np.random.default_rng(3)
    for _ in range(steps):
        s, t = rng.integers(states - 1, size=trials), rng.integers(states, size=trials)
        belief.update(s, rng.integers(actions, size=trials), rng.normal(size=trials), t)
    return belief


def test_tasks_are_drawn_from_the_papers_prior():
    task = MDPTask.draw(2000, 10, 5, np.random.default_rng(0))
    np.testing.assert_allclose(task.transitions.sum(-1), 1)
    np.testing.assert_allclose(task.transitions.mean(), 0.1)
    np.testing.assert_allclose(task.transitions.var(), 0.1 * 0.9 / 11, rtol=0.01)  # Dirichlet(1)'s
    np.testing.assert_allclose([task.rewards.mean(), task.rewards.std()], [1, 1], atol=0.01)


def test_steps_follow_the_transitions():
    task, rng = draw(trials=2), np.random.default_rng(1)
    many = MDPTask(np.repeat(task.transitions, 20_000, axis=0), np.repeat(task.rewards, 20_000, axis=0))
    at, action = np.full(40_000, 1), np.zeros(40_000, int)
    landed, earned = many.step(at, action, rng.random(40_000), rng.standard_normal(40_000))
    for trial, part in enumerate((slice(20_000), slice(20_000, None))):
        shares = np.bincount(landed[part], minlength=3) / 20_000
        np.testing.assert_allclose(shares, task.transitions[trial, 1, 0], atol=0.015)
        np.testing.assert_allclose(earned[part].mean(), task.rewards[trial, 1, 0], atol=0.03)
        np.testing.assert_allclose(earned[part].std(), 1, atol=0.03)


def test_luck_near_one_lands_somewhere():
    task = draw(trials=1)
    landed, _ = task.step(np.array([0]), np.array([0]), np.array([np.nextafter(1, 0)]), np.array([0.0]))
    assert landed[0] in range(3)


def test_the_plan_beats_every_other_choice():
    """All 64 policies of three steps (only those of state 0 count at the first) of one MDP, by brute force."""
    task, horizon = draw(trials=1, states=2), 3
    returns = []
    for flat in itertools.product(range(2), repeat=2 * horizon):
        choices = np.array(flat).reshape(1, horizon, 2)
        value = np.zeros(2)
        for h in reversed(range(horizon)):
            value = np.array(
                [
                    task.rewards[0, s, a] + task.transitions[0, s, a] @ value
                    for s, a in enumerate(choices[0, h])
                ]
            )
        np.testing.assert_allclose(evaluate_plan(task.transitions, task.rewards, choices)[0], value)
        returns.append(value[0])
    np.testing.assert_allclose(task.best_return(horizon), max(returns))
    best = plan(task.transitions, task.rewards, horizon).argmax(-1)
    np.testing.assert_allclose(task.expected_return(best), max(returns))


def test_every_mdp_of_a_batch_is_planned_for_itself():
    task = draw(trials=5)
    together = plan(task.transitions, task.rewards, 4)
    for b in range(5):
        alone = plan(task.transitions[b : b + 1], task.rewards[b : b + 1], 4)
        np.testing.assert_allclose(alone[0], together[b])


def test_the_extended_plan_takes_the_most_favourable_transitions():
    """One backup, beside the linear programme's optimum as a sorted transfer written out in loops."""
    task, rng = draw(trials=3, states=4), np.random.default_rng(5)
    distance = rng.uniform(0, 1.2, size=(3, 4, 2))
    q = extended_plan(task.transitions, task.rewards, 2, distance)
    np.testing.assert_allclose(q[:, 1], task.rewards)
    for b, s, a in np.ndindex(3, 4, 2):
        value = task.rewards[b].max(-1)
        p, order = task.transitions[b, s, a].copy(), value.argsort()
        room = min(distance[b, s, a] / 2, 1 - p[order[-1]])
        p[order[-1]] += room
        for worst in order[:-1]:
            taken = min(p[worst], room)
            p[worst], room = p[worst] - taken, room - taken
        np.testing.assert_allclose(p.sum(), 1)
        np.testing.assert_allclose(q[b, 0, s, a], task.rewards[b, s, a] + p @ value)


def test_the_extended_plan_without_distance_is_the_plan():
    task = draw()
    zero = np.zeros_like(task.rewards)
    args = task.transitions, task.rewards, 5
    np.testing.assert_allclose(extended_plan(*args, zero), plan(*args))
    everything = extended_plan(*args, zero + 2)  # any state may be reached
    np.testing.assert_allclose(
        everything[:, 0].max((1, 2)), 4 * task.rewards.max((1, 2)) + task.rewards.max((1, 2))
    )


def test_beliefs_are_the_conjugate_posterior():
    belief = Belief.prior(1, 2, 1, mean=0.5)
    earned = [2.0, -1.0, 3.0]
    for reward in earned:
        belief.update(np.array([1]), np.array([0]), np.array([reward]), np.array([0]))
    assert belief.counts[0, 1, 0].tolist() == [4, 1]
    np.testing.assert_allclose(belief.rewards[0, 1, 0], (0.5 + sum(earned)) / 4)
    assert belief.precision[0, 1, 0] == 4
    assert belief.counts[0, 0, 0].tolist() == [1, 1]


def test_samples_scatter_as_the_belief_says():
    belief, rng = visited(trials=1), np.random.default_rng(0)
    drawn = [belief.sample(rng) for _ in range(4000)]
    transitions, rewards = (np.stack([getattr(d, x) for d in drawn]) for x in ("transitions", "rewards"))
    np.testing.assert_allclose(transitions.mean(0), belief.transitions, atol=0.015)
    np.testing.assert_allclose(rewards.mean(0), belief.rewards, atol=0.06)
    np.testing.assert_allclose(rewards.std(0), belief.precision**-0.5, rtol=0.05)


def test_greedy_and_beb_plan_in_the_mean():
    belief = visited()
    exact = plan(belief.transitions, belief.rewards, 3)
    np.testing.assert_allclose(begun(EpsilonGreedyMDP(0.0), belief).plan, exact)
    np.testing.assert_allclose(begun(BEB(0.0), belief).plan, exact)
    bonus = 2 * 9 * 0.1 / (1 + belief.counts.sum(-1))
    curious = plan(belief.transitions, belief.rewards + bonus, 3)
    np.testing.assert_allclose(begun(BEB(0.1), belief).plan, curious)


def test_opsrl_takes_the_best_of_its_samples():
    belief, rng = visited(), np.random.default_rng(0)
    drawn = [belief.sample(rng) for _ in range(3)]
    plans = [plan(d.transitions, d.rewards, 3) for d in drawn]
    np.testing.assert_allclose(begun(OPSRL(3), belief).plan, np.max(plans, axis=0))
    np.testing.assert_allclose(begun(PSRL(), belief).plan, plans[0])


def test_ucrl2_widens_its_sets_where_it_was_seldom():
    policy = UCRL2(0.2)
    policy.begin(1, 3, 2, 4, np.random.default_rng(0))
    for _ in range(5):
        policy.observe(np.array([0]), np.array([1]), np.array([2.0]), np.array([2]))
    policy.begin_episode()
    policy.begin_episode()
    visits = np.array([[[1, 5], [1, 1], [1, 1]]])
    log_term = math.log(2 * 3 * 2 * 2 / 0.05)
    belief = policy.belief
    np.testing.assert_allclose(belief.rewards[0, 0, 1], 2.0, rtol=1e-3)  # no prior to speak of
    np.testing.assert_allclose(belief.transitions[0, 0, 1], [0, 0, 1], atol=1e-4)
    expected = extended_plan(
        belief.transitions,
        belief.rewards + 0.2 * np.sqrt(4 * log_term / visits),
        4,
        0.2 * np.sqrt(4 * 3 * log_term / visits),
    )
    np.testing.assert_allclose(policy.plan, expected)


def test_epsilon_is_how_often_anything_is_done():
    policy = begun(EpsilonGreedyMDP(0.4), trials=20_000)
    policy.plan[:, 0, 0] = [0.0, 1.0]
    np.testing.assert_allclose(np.mean(policy.act(np.zeros(20_000, int), 0)), 0.8, atol=0.012)
    uniform = begun(UniformActions(), trials=20_000)
    np.testing.assert_allclose(np.mean(uniform.act(np.zeros(20_000, int), 0)), 0.5, atol=0.015)


def test_ties_are_broken_at_random_and_better_actions_are_not():
    policy = begun(EpsilonGreedyMDP(0.0), trials=20_000, actions=3)
    np.testing.assert_allclose(np.bincount(policy.act(np.zeros(20_000, int), 0)) / 20_000, 1 / 3, atol=0.012)
    policy.plan[:, 1, 2] = [1.0, 2.0, 2.0]
    np.testing.assert_allclose(np.mean(policy.act(np.full(20_000, 2), 1)), 1.5, atol=0.012)
    policy.plan[:, 1, 2] = [1.0, 2.1, 2.0]
    assert np.all(policy.act(np.full(20_000, 2), 1) == 1)


def test_a_run_tells_its_policy_what_happened():
    seen = []

    class Curious(UniformActions):
        def observe(self, states, actions, rewards, next_states):
            seen.append((states, actions, rewards, next_states))
            super().observe(states, actions, rewards, next_states)

    policy = Curious()
    found = run_mdps(policy, episodes=3, trials=20, horizon=4, states=5, actions=2, seed=1)
    assert len(seen) == 12
    assert all(np.all(seen[i][0] == 0) for i in (0, 4, 8))  # each episode begins in state 0
    np.testing.assert_array_equal(seen[1][0], seen[0][3])
    np.testing.assert_allclose(found.returns[:, 1], sum(seen[i][2] for i in range(4, 8)))
    np.testing.assert_allclose(found.rewards, found.returns.sum(1))
    np.testing.assert_allclose(found.regret[:, -1], 3 * found.best - found.rewards)
    assert policy.belief.counts.sum() == 20 * (5 * 2 * 5 + 12)


def test_a_policy_that_knows_the_mdp_earns_the_best_return():
    class Knowing(MDPPolicy):
        def values(self):
            tasks, _, _ = np.random.SeedSequence(8).spawn(3)
            task = MDPTask.draw(1000, 10, 5, np.random.default_rng(tasks))
            return plan(task.transitions, task.rewards, self.horizon)

    found = run_mdps(Knowing(), episodes=2, seed=8)
    assert abs(found.regret[:, -1].mean()) < 4 * found.regret[:, -1].std() / math.sqrt(1000)


def test_what_the_paper_published():
    """At the settings that tuning finds, and believing what the paper's baselines believed."""
    settings = {"opsrl": 5, "ucrl2": 0.1, "beb": 0.16, "epsilon_greedy": 0.1}
    paper = mdp_baselines(prior_mean=0.0)
    for name, theirs in PUBLISHED_MDPS[10].items():
        if name != "rl2":
            mine = run_mdps(paper[name].policy(settings.get(name)), episodes=10, trials=400).estimate
            assert abs(mine.mean - theirs) < 0.05 * theirs, (name, mine, theirs)


def test_greed_pays_for_those_who_know_the_prior():
    """A mean that is believed to be 1 is curious where rewards disappoint; 0 is not."""
    knowing, wrong = (
        run_mdps(EpsilonGreedyMDP(0.0, prior_mean=mean), episodes=10, trials=300) for mean in (1.0, 0.0)
    )
    assert knowing.rewards.mean() - wrong.rewards.mean() > 10


def test_tuning_looks_at_trials_of_its_own():
    baseline = MDP_BASELINES["beb"]
    found = tune_mdps(baseline, episodes=2, trials=20)
    assert found.rewards.shape == (len(baseline.settings), 20)
    again = run_mdps(baseline.policy(found.best_setting), episodes=2, trials=20, seed=TUNING_SEED)
    np.testing.assert_array_equal(found.rewards[found.best], again.rewards)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: run_mdps(PSRL(), episodes=0), "episodes=0"),
        (lambda: run_mdps(PSRL(), episodes=1, states=0), "states=0"),
        (lambda: EpsilonGreedyMDP(-0.1), "epsilon=-0.1"),
        (lambda: OPSRL(0), "samples=0"),
        (lambda: BEB(-1), "scale=-1"),
        (lambda: UCRL2(-1), "scale=-1"),
        (lambda: UCRL2(0.1, delta=1.0), "delta=1.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
