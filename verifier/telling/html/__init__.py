"""Runs and reports as one HTML page: self-contained, no network, readable with scripts off."""

from .tape import page_of

__all__ = ["page_of"]
