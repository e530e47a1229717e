"""Plays the baselines of RL², each at the setting that other trials chose, beside what the paper published.

    python benchmarks/rl2_baselines.py bandits --pulls 10 --arms 5 --trials 20000
    python benchmarks/rl2_baselines.py mdps --episodes 10

It prints one row a baseline: what it earned with 95% confidence, what the best setting had earned on the trials that it
was chosen on, which is how the paper measured, and what the paper printed.
"""

import argparse
import time

from tqdm import tqdm

from tfmeta.rl.baselines import (
    BANDIT_BASELINES,
    mdp_baselines,
    run_bandits,
    run_mdps,
    tune_bandits,
    tune_mdps,
)
from tfmeta.rl.published import PUBLISHED_BANDITS, PUBLISHED_MDPS


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("problem", choices=["bandits", "mdps"])
    parser.add_argument("--pulls", type=int, default=10, help="of a bandit (default: 10)")
    parser.add_argument("--arms", type=int, default=5, help="of a bandit (default: 5)")
    parser.add_argument("--episodes", type=int, default=10, help="of an MDP (default: 10)")
    parser.add_argument(
        "--prior-mean", type=float, default=1.0, help="of rewards, as an MDP's baselines believe (default: 1)"
    )
    parser.add_argument("--trials", type=int, default=1000, help="measured on (default: 1000)")
    parser.add_argument("--tuning-trials", type=int, default=1000, help="tuned on (default: 1000)")
    parser.add_argument("--only", nargs="*", help="names of baselines (default: all)")
    options = parser.parse_args()
    if options.problem == "bandits":
        baselines, play, tune = BANDIT_BASELINES, run_bandits, tune_bandits
        size = {"arms": options.arms, "pulls": options.pulls}
        published = PUBLISHED_BANDITS.get((options.pulls, options.arms), {})
    else:
        baselines, play, tune = mdp_baselines(options.prior_mean), run_mdps, tune_mdps
        size = {"episodes": options.episodes}
        published = PUBLISHED_MDPS.get(options.episodes, {})
    print(
        f"{options.problem} {size}\n\n| baseline | setting | ours | as the paper measures | paper | CPU s |"
    )
    print("|---|---|---|---|---|---|")
    names = options.only or list(baselines)
    for name in tqdm(names, desc="baselines", leave=False, disable=None):
        baseline, began = baselines[name], time.process_time()
        setting, chosen_at = None, ""
        if baseline.knob:
            tuning = tune(baseline, trials=options.tuning_trials, **size)
            setting, chosen_at = tuning.best_setting, f"{tuning.estimates[tuning.best].mean:.2f}"
        run = play(baseline.policy(setting), trials=options.trials, **size)
        found = run.estimate
        knob = f"{baseline.knob} = {setting:.3g}" if baseline.knob else ""
        print(
            f"| {baseline.title} | {knob} | {found.mean:.2f} ± {found.ci95:.2f} | {chosen_at}"
            f" | {published.get(name, '')} | {time.process_time() - began:.1f} |",
            flush=True,
        )
    if options.problem == "bandits":
        luck = options.pulls * (run.best.mean() - options.arms / (options.arms + 1))
        print(
            f"\nThe best arms of these bandits pay {luck:+.2f} more in a trial than those of all bandits do."
        )


if __name__ == "__main__":
    main()
