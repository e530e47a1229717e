"""Machinery that every room stands on; it knows no paper."""

__all__: list[str] = []
