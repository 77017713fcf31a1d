"""A density as a picture in the terminal."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

__all__ = ["density_picture"]

EIGHTHS = " ▁▂▃▄▅▆▇█"


def density_picture(density: np.ndarray, edges: np.ndarray, *, width: int = 72, height: int = 10) -> str:
    """Return a density as lines of blocks over an axis; heights are square roots, so that tails show.

    Examples
    --------
    >>> print(density_picture(np.array([4.0, 1.0]), np.array([0.0, 1.0, 2.0]), width=4, height=2))
    ██
    ████
    ────
    0  2
    √density; the highest column is 4
    """
    columns = min(width, len(density))
    bounds = np.linspace(0, len(density), columns + 1).round().astype(int)
    means = np.array([density[low:high].mean() for low, high in pairwise(bounds)]).repeat(width // columns)
    levels = np.sqrt(means / means.max()) * 8 * height if means.max() > 0 else np.zeros(len(means))
    lines = []
    for row in range(height - 1, -1, -1):
        filled = np.clip(np.ceil(levels - 8 * row), 0, 8).astype(int)
        lines.append("".join(EIGHTHS[eighth] for eighth in filled).rstrip())
    low, high = f"{edges[0]:g}", f"{edges[-1]:g}"
    lines += ["─" * len(means), low + high.rjust(len(means) - len(low))]
    return "\n".join([*lines, f"√density; the highest column is {means.max():.3g}"])
