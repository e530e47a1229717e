"""Lets a served policy see one demonstration and build the same towers elsewhere: `tfmeta serve`, then this."""

import sys

import numpy as np
import tensorflow as tf

from tfmeta.imitation import StackingWorld, demonstrate
from tfmeta.serving.client import Client

address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8500"
layouts = ["ab c", "ab cd", "cab de"]
world = StackingWorld(layouts, most_cubes=8)
tasks = world.tasks(layouts)
shown = tf.function(demonstrate)(world, tasks, tf.constant([0, 1])).demonstration()
step = tf.function(world.step)
with Client(address) as client:
    policy = client.model("imitation_stacking")
    demo = {f"demo_{name}": np.asarray(x) for name, x in shown._asdict().items()}
    demo_state = policy.embed(**demo)["demo_state"]  # read once, sent with each request
    scenes = world.arrange(tasks, [0, 2])
    for _ in range(world.horizon):
        seen = {name: np.asarray(x) for name, x in world.observe(scenes)._asdict().items()}
        scenes = step(scenes, policy.act(**seen, demo_state=demo_state)["action"])
for layout, done in zip(layouts, world.succeeded(scenes).numpy(), strict=True):
    print(f"{layout}: {'built' if done else 'not built'}")
