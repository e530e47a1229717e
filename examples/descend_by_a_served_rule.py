"""Minimises a function by a rule that a server has learnt: `tfmeta serve`, then this, which needs no TensorFlow."""

import sys

import numpy as np

from tfmeta.serving.client import Client

address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8500"
theta = np.ones([1, 4], np.float32)  # one model of four parameters
with Client(address) as client:
    rule = client.model("lstm_optimizer_quadratic")
    state = rule.initial_state(count=[4])
    for _ in range(100):
        gradient = 2 * (theta - 3)
        answer = rule.update(gradient=gradient, **state)
        theta += answer.pop("update")
        state = answer  # whatever it is, it goes back as it came
print(f"from 1 to {theta.round(2)}; the minimum is at 3")
