"""The table of methods on Omniglot: its cells, and what fills them."""

__all__: list[str] = []
