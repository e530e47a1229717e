"""Renders what the docs claim from what was measured: `python -m docs.render --help`."""
