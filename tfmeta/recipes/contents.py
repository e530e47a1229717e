"""What this package brings: each recipe, method and source of tasks by its name, and where it is defined.

Other packages add theirs by entry points; see `tfmeta.recipes.plugins`.
"""

__all__ = ["CONTENTS"]

CONTENTS: dict[str, dict[str, str]] = {
    "recipes": {
        "lstm-optimizer-cifar": "tfmeta.recipes.update_rules:LSTM_CIFAR",
        "lstm-optimizer-mnist": "tfmeta.recipes.update_rules:LSTM_MNIST",
        "lstm-optimizer-quadratic": "tfmeta.recipes.update_rules:LSTM_QUADRATIC",
        "maml-omniglot": "tfmeta.recipes.few_shot:MAML_OMNIGLOT",
        "maml-sinusoid": "tfmeta.recipes.few_shot:MAML_SINUSOID",
        "matching-fce-omniglot": "tfmeta.recipes.few_shot:MATCHING_FCE_OMNIGLOT",
        "matching-omniglot": "tfmeta.recipes.few_shot:MATCHING_OMNIGLOT",
        "memory-omniglot": "tfmeta.recipes.few_shot:MEMORY_OMNIGLOT",
        "memory-optimizer-quadratic": "tfmeta.recipes.update_rules:MEMORY_QUADRATIC",
        "pixels-omniglot": "tfmeta.recipes.few_shot:PIXELS_OMNIGLOT",
        "pretrained-omniglot": "tfmeta.recipes.few_shot:PRETRAINED_OMNIGLOT",
        "prototypical-cifar-fs": "tfmeta.recipes.few_shot:PROTOTYPICAL_CIFAR_FS",
        "prototypical-omniglot": "tfmeta.recipes.few_shot:PROTOTYPICAL_OMNIGLOT",
        "rl2-bandit": "tfmeta.recipes.rl2:RL2_BANDIT",
        "rl2-maze": "tfmeta.recipes.rl2:RL2_MAZE",
        "rl2-mdp": "tfmeta.recipes.rl2:RL2_MDP",
        "siamese-omniglot": "tfmeta.recipes.few_shot:SIAMESE_OMNIGLOT",
        "statistician-omniglot": "tfmeta.recipes.few_shot:STATISTICIAN_OMNIGLOT",
    },
    "methods": {
        "lstm-optimizer": "tfmeta.optimizers.method:LSTMOptimizer",
        "maml": "tfmeta.fewshot.methods:MAMLMethod",
        "matching": "tfmeta.fewshot.methods:Matching",
        "matching-fce": "tfmeta.fewshot.methods:MatchingFCE",
        "memory": "tfmeta.fewshot.methods:Memory",
        "memory-optimizer": "tfmeta.optimizers.method:MemoryOptimizer",
        "pixels": "tfmeta.fewshot.methods:Pixels",
        "pretrained": "tfmeta.fewshot.methods:Pretrained",
        "prototypical": "tfmeta.fewshot.methods:Prototypical",
        "rl2": "tfmeta.rl.rl2:RL2",
        "siamese": "tfmeta.fewshot.methods:Siamese",
        "statistician": "tfmeta.fewshot.methods:Statistician",
    },
    "tasks": {
        "bandit": "tfmeta.rl.bandit_tasks:BanditTasks",
        "cifar": "tfmeta.optimizers.image_tasks:CifarTasks",
        "cifar-fs": "tfmeta.data.cifar_fs:CifarFSTasks",
        "folder": "tfmeta.data.folder_tasks:FolderTasks",
        "maze": "tfmeta.rl.maze_tasks:MazeTasks",
        "mdp": "tfmeta.rl.mdp_tasks:MDPTasks",
        "mnist": "tfmeta.optimizers.image_tasks:MnistTasks",
        "omniglot": "tfmeta.data.omniglot:OmniglotTasks",
        "quadratic": "tfmeta.optimizers.quadratic_tasks:QuadraticTasks",
        "sinusoid": "tfmeta.data.sinusoid:SinusoidTasks",
    },
}
