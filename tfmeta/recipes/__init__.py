"""One recipe for each published result: settings, training, evaluation, export."""

__all__: list[str] = []
