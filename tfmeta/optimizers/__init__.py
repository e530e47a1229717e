"""Update rules, designed by hand and learnt, and the problems that they are compared on."""

from tfmeta.lazy import lazily

__all__, __getattr__ = lazily(
    "tfmeta.optimizers",
    {
        "Comparison": "comparison",
        "CoordinatewiseLSTM": "coordinatewise_lstm",
        "Curriculum": "curriculum",
        "Descents": "race",
        "KerasProblem": "keras_problem",
        "LearnedOptimizer": "learned_optimizer",
        "LearnedRule": "learned_rule",
        "MetaTrainer": "meta_trainer",
        "Problem": "problem",
        "ProblemTasks": "problem_tasks",
        "Quadratic": "quadratic",
        "RandomlyScaled": "random_scaling",
        "Sensitivity": "tuning",
        "SharedMemory": "shared_memory",
        "WarmStarted": "warm_start",
        "ZOO": "zoo",
        "compare": "comparison",
        "convolution_problem": "convolution",
        "descend": "race",
        "find_rule": "zoo",
        "perceptron_problem": "perceptron",
        "rule_servable": "servable",
        "tune": "tuning",
    },
)
