"""Plays the thousand bandits of the RL² paper's table: its baselines, and exported policies beside them.

    python benchmarks/rl2_published_bandits.py --pulls 10 --arms 5
    python benchmarks/rl2_published_bandits.py --pulls 100 --arms 5 --only gittins ucb1 --model rl2_bandit_n100k5

It prints one row a baseline: what it earned at the setting that is best on these very trials, as the paper had it, and
what the paper printed. Both are the same to the last digit. A model meets the same bandits, with luck of its own.
"""

import argparse

import numpy as np
from tqdm import tqdm

from tfmeta.core.estimate import estimate
from tfmeta.core.hub import LoadedModel, load
from tfmeta.rl.baselines import PUBLISHED_BASELINES, published_bandits, run_published_bandits, tune
from tfmeta.rl.published import PUBLISHED_BANDITS


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    pulls, arms = (sorted(set(sizes)) for sizes in zip(*PUBLISHED_BANDITS, strict=True))
    parser.add_argument("--pulls", type=int, choices=pulls, default=10, help="of a bandit (default: 10)")
    parser.add_argument("--arms", type=int, choices=arms, default=5, help="of a bandit (default: 5)")
    parser.add_argument(
        "--only", nargs="*", choices=list(PUBLISHED_BASELINES), help="baselines (default: all)"
    )
    parser.add_argument("--model", nargs="*", default=[], help="names of exported policies (default: none)")
    options = parser.parse_args()
    size = {"arms": options.arms, "pulls": options.pulls}
    published = PUBLISHED_BANDITS[options.pulls, options.arms]
    print(
        f"{options.pulls} pulls, {options.arms} arms\n\n| policy | setting | ours | paper |\n|---|---|---|---|"
    )
    names = list(PUBLISHED_BASELINES) if options.only is None else options.only
    for name in tqdm(names, desc="baselines", leave=False, disable=None):
        baseline = PUBLISHED_BASELINES[name]
        found = tune(baseline, lambda policy: run_published_bandits(policy, **size))
        knob = f"{baseline.knob} = {found.best_setting:g}" if baseline.knob else ""
        row = f"{found.estimates[found.best].mean:.3f} | {published[name]}"
        print(f"| {baseline.title} | {knob} | {row} |", flush=True)
    for name in options.model:
        earned = estimate(_play(load(name), options.arms, options.pulls))
        print(f"| {name} | | {earned.mean:.2f} ± {earned.ci95:.2f} | {published['rl2']} |", flush=True)


def _play(model: LoadedModel, arms: int, pulls: int) -> np.ndarray:
    """Returns what a model earns of each of the bandits, ``[1000]``."""
    task, luck = published_bandits(arms), np.random.default_rng(0)
    trials = len(task.means)
    action, reward = np.full(trials, -1, np.int32), np.zeros(trials, np.float32)
    done, earned = np.zeros(trials, bool), np.zeros(trials)
    state = model.initial_state(batch=np.zeros(trials, int))
    for pull in range(pulls):
        told = {"previous_action": action, "previous_reward": reward, "done": done}
        answer = model.act(**told, seed=np.arange(trials) + trials * pull, **state)
        action, state = answer["action"], {"state": answer["state"]}
        reward = task.pull(action, luck.random(trials)).astype(np.float32)
        done, earned = np.ones(trials, bool), earned + reward  # a pull is an episode
    return earned


if __name__ == "__main__":
    main()
