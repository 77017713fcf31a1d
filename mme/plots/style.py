"""The house style: a palette for colour blindness, print and dark pages; and checks of what is drawn."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from types import FunctionType
from typing import Any, ParamSpec

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

from mme.arguments import integer, number, of_type, shown
from mme.errors import InputError

__all__ = ["BLUE", "GREEN", "GREY", "ORANGE", "PALETTE", "PURPLE", "SKY", "figure", "styled"]

# Okabe and Ito's colours, ordered by contrast on white and on near-black alike.
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0077bb", "#dd7711", "#009e73", "#cc6699", "#44aadd"
GREY = "#757575"  # text and axes: 4.6:1 against white; a dark page brightens its figures
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, GREY)  #: The colours of the house: five, and its grey.
COLOURS = PALETTE[:-1]  # for curves and classes, again from the first after the last

MOST_PANELS = 50  # in a row or a column; these take a second
LARGEST = 400.0  # inches; matplotlib draws no more than 65536 pixels
LONGEST = 26  # characters of a network's name
P = ParamSpec("P")

DRAWN = ("axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color", "text.color",
         "legend.labelcolor", "grid.color")  # fmt: skip
CLEAR = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")
STYLE: Any = dict.fromkeys(DRAWN, GREY) | dict.fromkeys(CLEAR, "none") | {
    "figure.figsize": (5.8, 3.2),
    "figure.dpi": 110,
    "savefig.dpi": 160,
    "savefig.bbox": "tight",
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.titlesize": "medium",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "grid.alpha": 0.25,
    "lines.linewidth": 1.6,
    "font.size": 11.0,
    "figure.constrained_layout.use": True,
}


def styled(draw: Callable[P, Axes | Figure]) -> Callable[P, Figure]:
    """Return a drawing function `draw` that works in the house style and hands its figure to the reader.

    The figure is closed in pyplot, so a notebook shows it once, and the user's own settings stay.

    Examples
    --------
    >>> @styled
    ... def line(ax=None):
    ...     ax = figure(ax)
    ...     ax.plot([0, 1], [0, 1])
    ...     return ax
    >>> type(line()).__name__
    'Figure'
    """
    if not callable(draw):
        raise InputError(f"draw must be a function that draws, but it is {shown(draw)}.")

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        before = set(plt.get_fignums())
        try:
            with mpl.rc_context(STYLE):
                made = draw(*args, **kwargs)
            of_type("what the function returns", made, (Axes, Figure), "Axes or a Figure")
            root = made if isinstance(made, Figure) else made.get_figure(root=True)
            assert isinstance(root, Figure)
            plt.close(root)
        finally:  # nothing stays open, not even where drawing fails
            for left in set(plt.get_fignums()) - before:
                plt.close(left)
        return root

    drawn.__annotations__ = getattr(draw, "__annotations__", {}) | {"return": Figure}
    if isinstance(draw, FunctionType):  # help() shows what comes back
        vars(drawn)["__signature__"] = signature(draw).replace(return_annotation=Figure)
    return drawn


def figure(
    ax: Axes | None = None, *, size: tuple[float, float] | None = None,
    panels: tuple[int, int] = (1, 1), **subplots: Any,
) -> Any:  # fmt: skip
    """Open axes in the house style, or take the given ones; for use inside a `styled` function.

    Parameters
    ----------
    ax : matplotlib Axes, optional
        Draw here; then no figure is made.
    size : (float, float), optional
        Width and height in inches.
    panels : (int, int)
        Rows and columns of axes, at most 50 of either.
    **subplots
        Passed on to `matplotlib.pyplot.subplots`.

    Returns
    -------
    Axes, or array of Axes when there are several panels

    Examples
    --------
    >>> two = styled(lambda: figure(size=(6, 2), panels=(1, 2), sharey=True)[0])
    >>> len(two().axes)
    2
    """
    if ax is not None:
        return of_type("ax", ax, Axes, "matplotlib Axes")
    size = None if size is None else pair("size", size, number, 0.1, LARGEST)
    rows, columns = pair("panels", panels, integer, 1, MOST_PANELS)
    try:
        return plt.subplots(rows, columns, figsize=size, **subplots)[1]
    except (AttributeError, RuntimeError, TypeError, ValueError) as problem:
        names = ", ".join(subplots)
        raise InputError(f"subplots must be options of matplotlib, but not all of {names} are.") from problem


def label(name: object, longest: int | None = None) -> str:
    """Return a name as it fits into a figure: not too long, no formula, nothing that cannot be drawn."""
    text = str(name)
    if longest is not None and len(text) > longest:
        text = f"{text[: longest // 2]}…{text[-longest // 2 + 1 :]}"
    spelt = text.encode("utf-8", "backslashreplace").decode()
    return "".join(each if each.isprintable() else " " for each in spelt).replace("$", r"\$")


def pair(name: str, value: Any, check: Callable[..., Any], *limits: float) -> tuple[Any, Any]:
    """Return two numbers, each as a check of `mme.arguments` returns it."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise InputError(f"{name} must be two numbers, but it is {shown(value)}.")
    return check(f"{name}[0]", value[0], *limits), check(f"{name}[1]", value[1], *limits)


def record(name: str, value: Any, *fields: str) -> None:
    """Refuse a value that lacks a field."""
    if not all(hasattr(value, field) for field in fields):
        raise InputError(f"{name} must be a record with {', '.join(fields)}, but it is {shown(value)}.")


def binned(name: str, value: Any, kind: type, field: str, axes: tuple[int, ...]) -> None:
    """Refuse what is not of the type, or has not one value for each bin in its field."""
    of_type(name, value, kind, f"a {kind.__name__}")
    shape, bins = np.shape(getattr(value, field)), len(value.edges) - 1
    if len(shape) not in axes or shape[-1] != bins:
        raise InputError(f"{name} must have one value for each of its {bins} bins, but its shape is {shape}.")
