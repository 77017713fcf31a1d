"""`mme entropy`: the entropy of a matrix's balanced factorisations."""

from __future__ import annotations

import warnings
from pathlib import Path
from tokenize import TokenError
from typing import Annotated, Any

import numpy as np
import typer

from mme.algebra import Field
from mme.algebra import field as field_of
from mme.cli import output
from mme.cli.app import app, refuse_idle
from mme.dln import orbit_volume_mc
from mme.dln.singular_values import measured_singular_values, of_square, validate_depth
from mme.dln.terms import terms_of
from mme.errors import InputError

__all__ = ["entropy", "read_matrix"]

HELP = {
    "values": "Singular values, or a .npy or text file with a matrix, or with singular values in one row.",
    "field": "Real, complex or quaternionic matrices.",
    "monte_carlo": "Estimate the volume by sampling as well.",
}


# Unknown options are arguments, so that a negative number is told from a mistyped option by its own message.
@app.command(context_settings={"ignore_unknown_options": True})
def entropy(
    context: typer.Context,
    values: Annotated[list[str], typer.Argument(metavar="SIGMA|FILE", help=HELP["values"])],
    depth: Annotated[float, typer.Option("--depth", "-N", metavar="N", help="Number of layers, at least 1.")],
    field: Annotated[str, typer.Option("--field", "-F", metavar="[R|C|H]", help=HELP["field"])] = "R",
    monte_carlo: Annotated[bool, typer.Option("--monte-carlo", help=HELP["monte_carlo"])] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the Monte Carlo estimate.")] = 0,
    samples: Annotated[int, typer.Option(help="Sample size of the Monte Carlo estimate.")] = 8192,
    as_json: output.AsJson = False,
) -> None:
    """Print the entropy S of a matrix's balanced factorisations: its terms, the orbit's dimension and volume.

    A matrix over H is given as its complex image of 2d rows and columns, A and B above -conj B and conj A.
    """
    if not monte_carlo:
        refuse_idle(context, "without --monte-carlo", "seed", "samples")
    named: Any = int(field) if field.isdecimal() else field
    scalars = field_of(named)
    depth = validate_depth(int(depth) if depth.is_integer() else depth)
    sigma = _singular_values(values, scalars)
    terms = terms_of(sigma, depth, scalars)
    work: dict[str, Any] = {"rng": seed, "samples": samples, "progress": True}
    estimate = orbit_volume_mc(sigma, depth=depth, field=scalars, **work) if monte_carlo else None
    if as_json:
        own = {"field": scalars.name, "beta": scalars.beta, "depth": depth, "singular_values": sigma.tolist()}
        output.print_json(own | terms.to_dict() | ({"monte_carlo": estimate.to_dict()} if estimate else {}))
        return
    limit = ", its limit at singular X" if depth > 1 and not sigma.all() else ""  # where the orbit is smaller
    is_float = 0 < terms.volume < np.inf or not np.isfinite(terms.entropy)
    rows: list[tuple[str, object]] = [
        ("field", f"{scalars.name} (beta = {scalars.beta})"),
        ("depth N", depth),
        ("singular values", ", ".join(f"{value:.6g}" for value in sigma)),
        ("", ""),
        ("group volume, (N - 1) log c", f"{terms.group_term:.10g}"),
        ("depth, (d (beta - 1) / 2) log N", f"{terms.depth_term:.10g}"),
        ("determinant", f"{terms.determinant_term:.10g}"),
        ("Vandermonde ratio", f"{terms.vandermonde_term:.10g}"),
        (f"entropy S{limit}", f"{terms.entropy:.10g}"),
        ("", ""),
        ("dimension of the orbit", terms.dimension),
        (f"volume of the orbit{limit}", f"{terms.volume:.6g}" if is_float else f"e^{terms.entropy:.10g}"),
    ]
    if estimate:
        error = estimate.standard_error
        distance = f"{(estimate.log_volume - terms.entropy) / error:+.2f}" if error else "–"
        rows += [("", ""), ("Monte Carlo estimate of S", f"{estimate.log_volume:.8g}")]
        rows += [("its standard error", f"{error:.2g}"), ("its distance from S in standard errors", distance)]
    output.print_table(("", ""), rows)


def read_matrix(path: Path) -> np.ndarray:
    """Read an array from a .npy file or from text, real or complex."""
    try:
        if path.suffix == ".npy":
            array = np.load(path, allow_pickle=False)
            if not isinstance(array, np.ndarray):
                array.close()
                raise ValueError("it is an archive of several arrays")
            return array
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # a file without numbers
            array = np.loadtxt(path, complex, ndmin=2, delimiter="," if path.suffix == ".csv" else None)
            return array if array.imag.any() else array.real
    except (OSError, ValueError, EOFError, MemoryError, SyntaxError, TokenError, UserWarning) as error:
        reason = str(error).splitlines()[0].split(". ")[0].rstrip(".") if str(error) else type(error).__name__
        reason = "it is no .npy file and no text" if isinstance(error, UnicodeError) else reason
        raise InputError(f"cannot read a matrix from {path}: {reason}.") from None


def _singular_values(values: list[str], scalars: Field) -> np.ndarray:
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        pass
    else:
        return measured_singular_values(numbers, scalars)
    if len(values) > 1:
        given = " ".join(values)
        raise InputError(f"singular values must be numbers, but they are {given}; a file comes alone.")
    path = Path(values[0])
    if not path.exists():
        raise InputError(f"{values[0]} is neither a number nor a file.")
    array = read_matrix(path)
    if array.ndim == 1 or (array.ndim == 2 and array.shape[0] == 1 and array.shape[1] > 1):
        return measured_singular_values(np.asarray(array).reshape(-1), scalars)
    if array.ndim > 2:
        raise InputError(f"the file must hold one matrix, but its array has shape {array.shape}.")
    return np.asarray(of_square(array, scalars, "the matrix"))
