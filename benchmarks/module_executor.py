"""Times the static executor of module networks against composing each layout by hand.

    python benchmarks/module_executor.py --questions 32 --repeats 10

A batch of questions, each with another world and another layout, is answered by `execute`, which is one graph for any
layouts, and by `evaluate`, which composes the modules one by one in Python as each tree says. Both forward only, and
with the gradient of all parameters. The contestants take turns within one run, so that what else the machine does
befalls all of them alike; the time of the processor, of all its threads, is told besides.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

import numpy as np

CELLS, FEATURES, HIDDEN, OFFSETS = 9, 64, 64, 9
WORDS = ("red", "green", "blue", "circle", "square", "triangle", "above", "below", "left_of", "right_of")

Answer = Callable[[], np.ndarray]
"""Answers the questions, and returns what the answers are compared by."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=32, help="in a batch (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=10, help="timed runs of each (default: %(default)s)")
    options = parser.parse_args()

    contestants = build(options.questions)
    answers = {name: answer() for name, answer in contestants.items()}  # traces, and warms up
    wall, processor = ({name: [] for name in contestants} for _ in range(2))
    for _ in range(options.repeats):
        for name, answer in contestants.items():
            began = time.perf_counter(), time.process_time()
            answer()
            wall[name].append(time.perf_counter() - began[0])
            processor[name].append(time.process_time() - began[1])
    print(f"{'':26}{'median':>13}{'fastest':>13}{'processor':>13}   for {options.questions} questions")
    for name in contestants:
        times = statistics.median(wall[name]), min(wall[name]), statistics.median(processor[name])
        print(f"{name:26}" + "".join(f"{1e3 * seconds:>10.1f} ms" for seconds in times))
    names = list(contestants)
    pairs = zip(names[::2], names[1::2], strict=True)
    gap = max(np.abs(answers[ours] - answers[theirs]).max() for ours, theirs in pairs)
    print(f"largest difference of an answer, or of a parameter's gradient: {gap:.0e}")


def build(questions: int) -> dict[str, Answer]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    from tfmeta.modules.evaluator import evaluate
    from tfmeta.modules.executor import execute
    from tfmeta.modules.inventory import Inventory
    from tfmeta.modules.program import pad_layouts, read_programs
    from tfmeta.modules.world import World

    random = np.random.RandomState(0)
    inventory = Inventory(WORDS, FEATURES, ["yes", "no"], pairs=OFFSETS, hidden=HIDDEN, seed=0)
    world = World(
        tf.constant(random.randn(questions, CELLS, FEATURES), tf.float32),
        tf.ones([questions, CELLS]),
        tf.constant(random.rand(questions, CELLS, CELLS, OFFSETS), tf.float32),
    )
    layouts = [draw_question(random) for _ in range(questions)]
    tokens = tf.constant(pad_layouts([[layout] for layout in layouts]))
    variables = [variable.value for variable in inventory.trainable_variables]

    @tf.function
    def forward(tokens: tf.Tensor, world: World) -> tf.Tensor:
        return execute(inventory, read_programs(tokens, inventory.vocabulary), world).labels[:, 0]

    def by_hand() -> tf.Tensor:
        rows = [World(*(x if x is None else x[row : row + 1] for x in world)) for row in range(questions)]
        return tf.concat([evaluate(inventory, *pair).value for pair in zip(layouts, rows, strict=True)], 0)

    def gradient_of(answer: Callable[[], tf.Tensor]) -> Answer:
        def compute() -> np.ndarray:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.math.log(answer()[:, 0]))
            gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return np.concatenate([np.ravel(tf.convert_to_tensor(x)) for x in gradients])

        return compute

    def in_graph() -> tf.Tensor:
        return forward(tokens, world)

    return {
        "executor": lambda: in_graph().numpy(),
        "by hand": lambda: by_hand().numpy(),
        "executor, with gradient": gradient_of(in_graph),
        "by hand, with gradient": gradient_of(by_hand),
    }


def draw_question(random: np.random.RandomState):
    """Is a red shape above one that is green and left of another: five to ten steps."""
    from tfmeta.modules.layout import Layout

    def found() -> Layout:
        return Layout("find", WORDS[random.randint(6)])

    def related(below: Layout) -> Layout:
        return Layout("relate", WORDS[6 + random.randint(4)], (below,))

    inside = related(found())
    for _ in range(random.randint(2)):
        inside = related(inside)
    if random.rand() < 0.5:
        inside = Layout("and", "", (found(), found(), inside))
    return Layout("exists", "", (Layout("and", "", (found(), inside)),))


if __name__ == "__main__":
    main()
