from .conv4 import conv4 as conv4
from .conv_eyes import conv_eyes as conv_eyes
from .efficientnet_lite import EfficientNetLite as EfficientNetLite
from .gru import GRU as GRU
from .mlp import mlp as mlp
