"""The methods of few-shot learning as recipes take them: which learner for which tasks, one file a method."""

from tfmeta.lazy import lazily

__all__, __getattr__ = lazily(
    "tfmeta.fewshot.methods",
    {
        "EmbeddingMethod": "embedding",
        "EpisodeTraining": "method",
        "FewShotMethod": "method",
        "MAMLMethod": "maml",
        "Matching": "matching",
        "MatchingFCE": "matching",
        "Memory": "memory",
        "Pixels": "pixels",
        "Pretrained": "pretrained",
        "Prototypical": "prototypical",
        "Siamese": "siamese",
        "Statistician": "statistician",
    },
)
