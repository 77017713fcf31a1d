"""What the tests of the algebra share: matrices for hypothesis, and judgement of random samples."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mme.algebra import Field

# Eighths of small integers: sums and products of a few of them are exact, and coincidences are frequent.
ENTRIES = st.integers(-16, 16).map(lambda n: n / 8)


@st.composite
def matrices(draw: st.DrawFn, F: Field, *shapes: tuple[int, int]) -> Any:
    """One matrix over F for each shape, as arrays."""
    made = tuple(
        F.from_components(draw(arrays(float, (*shape, F.beta), elements=ENTRIES))) for shape in shapes
    )
    return made[0] if len(made) == 1 else made


orders = st.integers(1, 4)


def sometimes(**strategies: Any) -> Any:
    """`given`, with as many examples as three fields can bear."""
    examples = min(30, settings.default.max_examples)
    return lambda test: settings(max_examples=examples)(given(**strategies)(test))


def largest(a: Any) -> float:
    return float(np.max(np.abs(a), initial=0.0))


def assert_mean(samples: Any, expected: Any, *, tolerance: float = 4.0) -> None:
    """The mean over the first axis lies within some of its own standard errors of what is expected."""
    samples = np.asarray(samples)
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    z = np.abs(samples.mean(axis=0) - expected) / np.maximum(error, 1e-14)
    assert np.max(z) <= tolerance, f"mean {samples.mean(axis=0)} is {np.max(z):.1f} errors from {expected}"
