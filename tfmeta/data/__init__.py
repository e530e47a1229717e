"""Sources of tasks, one a file.

* Few-shot: `omniglot`, `cifar_fs`, `glyphs`, `digits` and `sinusoid`.
* Of one's own: `folder_tasks` and `array_tasks`.
* With labels: `labelled_images` (MNIST, CIFAR-10).
* With landmarks: `faces`, `drawn_faces` and `landmark_files`.
* With questions: `geoqa`, `shapes`, `shape_world` and `vqa`.

A source is imported when it is first used: some of them need TensorFlow, or a data set on disk.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
