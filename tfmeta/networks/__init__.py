from tfmeta.networks.conv4 import conv4
