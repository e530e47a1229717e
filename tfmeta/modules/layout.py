"""Layouts, as data sets and module networks share them: see `tfmeta.data.layouts`."""

from tfmeta.data.layouts import MODULES, Layout, LayoutError, ModuleType, Step, pad_layouts, parse_layout

__all__ = ["MODULES", "Layout", "LayoutError", "ModuleType", "Step", "pad_layouts", "parse_layout"]
