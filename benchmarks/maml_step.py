"""Times one MAML meta-iteration: both engines here, and two schemes in PyTorch where it is installed.

    pip install torch typing-extensions --upgrade   # in an environment apart: TF-Agents needs an old one
    python benchmarks/maml_step.py --tasks 32 --repeats 20

The setting is Omniglot's, after Finn et al. 2017: four blocks of 64 channels with a stride of 2, 5-way 1-shot, 5
query items a task, one inner step of second order, and batch normalisation by the queries themselves. Everybody
starts from the same weights and the same images and does forward, backward and Adam's update. The contestants take
turns within one run, so that what else the machine does befalls all of them alike. Even so let it be idle, or set
OMP_WAIT_POLICY=PASSIVE: PyTorch's threads spin while they wait, and take seconds where they lack a core.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

import numpy as np

WAYS, SIDE, FILTERS, INNER_RATE, EPSILON = 5, 28, 64, 0.4, 1e-5

Step = Callable[[], float]
"""Does one meta-iteration and returns its loss."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--tasks", type=int, default=32, help="tasks of a meta-iteration (default: %(default)s)"
    )
    parser.add_argument(
        "--repeats", type=int, default=20, help="timed iterations of each (default: %(default)s)"
    )
    parser.add_argument("--cores", type=int, default=2, help="threads for each (default: %(default)s)")
    options = parser.parse_args()

    episode = draw_episode(options.tasks)
    steps = {**keras_steps(episode, options.cores), **torch_steps(episode, options.cores)}
    first = {name: step() for name, step in steps.items()}  # traces, and warms up
    seconds = {name: [] for name in steps}
    for _ in range(options.repeats):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - began)
    report(seconds, first)


def report(seconds: dict[str, list[float]], first: dict[str, float]) -> None:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ours = next(iter(medians.values()))
    print(f"{'':36}{'median':>10}{'fastest':>10}{'ratio':>8}{'first loss':>12}")
    for name, median in medians.items():
        times = f"{1e3 * median:>7.0f} ms{1e3 * min(seconds[name]):>7.0f} ms"
        print(f"{name:36}{times}{median / ours:>8.2f}{first[name]:>12.5f}")


def draw_episode(tasks: int) -> dict[str, np.ndarray]:
    random = np.random.RandomState(0)
    labels = np.tile(np.arange(WAYS), [tasks, 1])
    ink = (random.rand(2, tasks, WAYS, SIDE, SIDE, 1) < 0.2).astype(np.float32)
    return {"support_x": ink[0], "support_y": labels, "query_x": ink[1], "query_y": labels}


def draw_weights() -> list[np.ndarray]:
    """Kernel, bias, scale and offset of each block, then kernel and bias of the head."""
    random = np.random.RandomState(1)

    def normal(*shape: int) -> np.ndarray:
        return (random.randn(*shape) / np.sqrt(np.prod(shape[:-1]))).astype(np.float32)

    weights = []
    for channels in (1, FILTERS, FILTERS, FILTERS):
        zeros, ones = np.zeros(FILTERS, np.float32), np.ones(FILTERS, np.float32)
        weights += [normal(3, 3, channels, FILTERS), zeros, ones, zeros]
    return [*weights, normal(FILTERS, WAYS), np.zeros(WAYS, np.float32)]


def keras_steps(episode: dict[str, np.ndarray], cores: int) -> dict[str, Step]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import tensorflow as tf

    from tfmeta.fewshot.maml import MAML
    from tfmeta.networks import conv4

    tf.config.threading.set_intra_op_parallelism_threads(cores)

    def step_of(engine: str) -> Step:
        network = conv4(filters=FILTERS, downsampling="stride", outputs=WAYS, spatial_mean=True)
        for variable, value in zip(network.trainable_variables, draw_weights(), strict=True):
            variable.assign(value)
        learner = MAML(network, inner_rate=INNER_RATE, batch_statistics="transductive", engine=engine)
        learner.compile(
            optimizer=keras.optimizers.Adam(1e-3),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        inputs = {name: tf.constant(value) for name, value in episode.items()}
        query_y = inputs.pop("query_y")
        return lambda: float(learner.train_on_batch(inputs, query_y))

    return {"tfmeta, batched": step_of("batched"), "tfmeta, tf.map_fn": step_of("map")}


def torch_steps(episode: dict[str, np.ndarray], cores: int) -> dict[str, Step]:
    try:
        import torch
        from torch.nn import functional as F
    except ImportError as error:
        print(f"PyTorch cannot be imported ({error}): only the engines of tfmeta are timed.")
        return {}
    torch.set_num_threads(cores)

    support_x, query_x = (
        torch.tensor(episode[name]).permute(0, 1, 4, 2, 3).contiguous() for name in ("support_x", "query_x")
    )
    support_y, query_y = (torch.tensor(episode[name]) for name in ("support_y", "query_y"))

    def fresh_weights() -> list[torch.Tensor]:
        weights = (torch.tensor(w) for w in draw_weights())
        return [(w.permute(3, 2, 0, 1) if w.ndim == 4 else w).contiguous().requires_grad_() for w in weights]

    def network(weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        for block in range(4):
            kernel, bias, scale, offset = weights[4 * block : 4 * block + 4]
            # Keras's "same" padding: where the side is even, the extra row and column lie behind.
            x = F.pad(x, (0, 1, 0, 1) if x.shape[-1] % 2 == 0 else (1, 1, 1, 1))
            x = F.conv2d(x, kernel, bias, stride=2)
            x = F.relu(F.batch_norm(x, None, None, scale, offset, training=True, eps=EPSILON))
        return x.mean((2, 3)) @ weights[-2] + weights[-1]

    def support_loss(weights: list[torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(network(weights, x), y)

    def loop_over_tasks(weights: list[torch.Tensor]) -> torch.Tensor:
        """learn2learn's scheme: for each task a differentiable clone that takes a step."""
        losses = []
        for task in range(len(support_x)):
            loss = support_loss(weights, support_x[task], support_y[task])
            gradients = torch.autograd.grad(loss, weights, create_graph=True)
            adapted = [w - INNER_RATE * g for w, g in zip(weights, gradients, strict=True)]
            losses.append(support_loss(adapted, query_x[task], query_y[task]))
        return torch.stack(losses).mean()

    def vmap_over_tasks(weights: list[torch.Tensor]) -> torch.Tensor:
        def task_loss(sx: torch.Tensor, sy: torch.Tensor, qx: torch.Tensor, qy: torch.Tensor) -> torch.Tensor:
            gradients = torch.func.grad(support_loss)(weights, sx, sy)
            adapted = [w - INNER_RATE * g for w, g in zip(weights, gradients, strict=True)]
            return support_loss(adapted, qx, qy)

        return torch.func.vmap(task_loss)(support_x, support_y, query_x, query_y).mean()

    def step_of(meta_loss: Callable[[list[torch.Tensor]], torch.Tensor]) -> Step:
        weights = fresh_weights()
        optimizer = torch.optim.Adam(weights, 1e-3)

        def step() -> float:
            optimizer.zero_grad()
            loss = meta_loss(weights)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    return {
        "PyTorch, loop (learn2learn's scheme)": step_of(loop_over_tasks),
        "PyTorch, torch.func.vmap": step_of(vmap_over_tasks),
    }


if __name__ == "__main__":
    main()
