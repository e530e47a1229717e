"""Networks that several rooms use."""

from tfmeta.networks.conv4 import conv4
from tfmeta.networks.mlp import mlp

__all__ = ["conv4", "mlp"]
