"""Folders of RL²'s runs as training and evaluation leave them, with networks that have learnt nothing."""

from pathlib import Path

import tensorflow as tf

from tfmeta.recipes.evaluate import evaluate
from tfmeta.recipes.registry import find_recipe
from tfmeta.recipes.run import Run

TINY = {"batch_size": 6, "steps": 4, "epoch_steps": 2, "units": 4, "minibatches": 2}


def write_run(folder: Path, name: str, *, measured: bool = True, logged: bool = True, **settings) -> Run:
    recipe, run = find_recipe(name).configure(**{**TINY, **settings}), Run(folder)
    steps, seed = recipe.training.steps, recipe.training.seed
    run.begin(recipe)
    run.finish(recipe, recipe.learner(), steps, 60.0 * (1 + seed))
    if logged:
        with tf.summary.create_file_writer(str(folder / "logs/train")).as_default():
            for epoch in range(2):
                tf.summary.scalar("epoch_return", 5.0 + epoch + seed, step=epoch)
    if measured:
        evaluate(run, count=20, verbose=0)
    return run
