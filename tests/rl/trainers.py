"""Trainers as small as can be."""

import keras

from tfmeta.rl import TrialNetwork, TrialTrainer, TrialValue


def trainer_of(tasks, trials, units=4, rate=0.01, **options):
    sizes = {"actions": tasks.actions, "observation_size": tasks.observation_size, "units": units}
    policy = TrialNetwork(**sizes, outputs=tasks.actions, seed=0)
    value = TrialValue(TrialNetwork(**sizes, outputs=1, seed=1), tasks.trial_length)
    trainer = TrialTrainer(tasks, policy, value, trials=trials, **options)
    trainer.compile(keras.optimizers.Adam(rate))
    return trainer
