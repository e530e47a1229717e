"""Worlds and layouts at random, for the tests of the machine."""

import numpy as np
import tensorflow as tf

from tfmeta.modules.layout import Layout
from tfmeta.modules.world import World

WORDS = ["red", "round", "above", "left-of"]
ANSWERS = ["yes", "no", "many"]
B, K, D, R = 3, 5, 4, 2
NAMES = np.array([[f"place-{k}" for k in range(K)]] * B)


def random_world(seed=0, *, pairs=True, names=True, dtype="float32"):
    random = np.random.RandomState(seed)
    mask = np.ones([B, K])
    mask[1, 3:], mask[2, 4:] = 0.0, 0.0
    return World(
        tf.constant(random.randn(B, K, D), dtype),
        tf.constant(mask, dtype),
        tf.constant(random.randn(B, K, K, R), dtype) if pairs else None,
        tf.constant(NAMES) if names else None,
    )


def random_layout(random, *, leaves=4, output=None):
    """Draws a layout of at most so many leaves, which ends as `output` says, or as it comes."""
    output = output or random.choice(["attention", "labels"])
    if output == "labels":
        module = random.choice(["describe", "measure", "exists"])
        word = "" if module == "exists" else random.choice([*WORDS, "unheard-of"])
        return Layout(module, word, (random_layout(random, leaves=leaves, output="attention"),))
    kind = random.choice(["leaf", "relate", "and"]) if leaves > 1 else random.choice(["leaf", "relate"])
    if kind == "relate" and random.rand() < 0.7:
        below = random_layout(random, leaves=leaves, output="attention")
        return Layout("relate", random.choice(WORDS), (below,))
    if kind == "and":
        inputs = random.randint(2, min(leaves, 3) + 1)
        share = leaves // inputs
        children = [random_layout(random, leaves=share, output="attention") for _ in range(inputs)]
        return Layout("and", "", tuple(children))
    if random.rand() < 0.3:
        return Layout("lookup", f"place-{random.randint(K + 1)}")  # the last is nowhere
    return Layout("find", random.choice([*WORDS, "unheard-of"]))
