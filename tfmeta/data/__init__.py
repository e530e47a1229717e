"""Sources of tasks, one a file: `omniglot`, `cifar_fs`, `glyphs`, `digits`, `sinusoid`; `labelled_images` (MNIST,
CIFAR-10); `folder_tasks` and `array_tasks` for data of one's own; `faces`, `drawn_faces` and
`landmark_files`, which have landmarks; `geoqa`, `shapes`, `shape_world` and `vqa`, which are
asked questions.

A source is imported when it is first used: some of them need TensorFlow, or a data set on disk.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
