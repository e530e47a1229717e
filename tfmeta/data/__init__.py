"""Sources of tasks, one a file: `omniglot`, `cifar_fs`, `glyphs`, `digits`, `sinusoid`; `labelled_images` (MNIST,
CIFAR-10); `geoqa`, `shapes`, `shape_world` and `vqa`, which are asked questions.

Import the file that you need (`from tfmeta.data.glyphs import glyphs`): some of them need TensorFlow or a
data set on disk, and nobody should pay for a source that is not used.
"""

__all__: list[str] = []
