"""What the docs claim, rendered from what was measured: tables from cards, pictures from runs."""

__all__: list[str] = []
