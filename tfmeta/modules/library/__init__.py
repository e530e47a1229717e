"""The modules of the papers: a file each, which holds the layer and the spec."""
