"""Every figure of the book, callable on your own data."""

from mme.plots.style import PALETTE, figure, styled

__all__ = ["PALETTE", "figure", "styled"]
