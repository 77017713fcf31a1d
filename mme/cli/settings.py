"""The options that commands share, each said once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any

import typer

from mme.arguments import integer
from mme.cli.app import complain, refuse_idle
from mme.cli.output import print_csv, print_json
from mme.comparison.options import Options
from mme.ensembles.circular import CONSTRUCTIONS, ENSEMBLES
from mme.ensembles.conjugate import CONJUGATES
from mme.ensembles.density import NORMALISATIONS, ZERO_POLICIES
from mme.ensembles.mixed import PARTS
from mme.ensembles.parallel import validate_jobs
from mme.ensembles.spectrum import POOLINGS
from mme.errors import InputError
from mme.store import Store

__all__ = ["Run", "measuring"]

LAYERS, CIRCULAR, DENSITY, WORK = "Layers", "Conjugate ensemble", "Spectral density", "Work"
FLAGS = {"as_json": "--json", "as_csv": "--csv", "cache": "--cache/--no-cache", "rng": "--seed"}


@dataclass(frozen=True)
class Run:
    """How a command measures, and in which form it tells the result."""

    options: Options
    store: Store
    jobs: int
    as_json: bool
    as_csv: bool
    context: typer.Context

    @property
    def work(self) -> dict[str, Any]:
        """What functions that compute for long take by keyword."""
        return {"store": self.store, "jobs": self.jobs, "progress": True}

    def tell(
        self, record: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], show: Callable[[], None]
    ) -> None:
        """Print the record as JSON, or its rows as comma-separated values; otherwise `show` prints."""
        if self.as_json:
            print_json(record)
        elif self.as_csv:
            print_csv(rows)
        else:
            show()


# Field of `Options` (or of the work to do), type, help, panel, and the name of its value or all its values.
SHARED: tuple[tuple[str, Any, str, str | None, str | Iterable[str]], ...] = (
    ("as_json", bool, "Print JSON.", None, ""),
    ("as_csv", bool, "Print comma-separated values.", None, ""),
    ("include", list[str], "Take only layers whose names match (*, ?, […]); may be repeated.",
     LAYERS, "PATTERN"),
    ("exclude", list[str], "Leave out layers whose names match; may be repeated.", LAYERS, "PATTERN"),
    ("types", list[str], "Take only layers of this type: Conv2d, Linear, …; may be repeated.",
     LAYERS, "TYPE"),
    ("dtype", str, "Precision of the eigenvalues.", LAYERS, ("float64", "float32")),
    ("estimate", int, "Estimate the spectra of layers whose smaller side is above ORDER, with an error.",
     LAYERS, "ORDER"),
    ("conjugate", str, "Take the expected density of the circular ensemble, or draw it as the paper does.",
     CIRCULAR, CONJUGATES),
    ("draws", int, "How often the circular ensemble is drawn.", CIRCULAR, ""),
    ("rng", int, "Seed of the draws and of untrained weights.", CIRCULAR, ""),
    ("circular", str, "Which circular ensemble.", CIRCULAR, ENSEMBLES),
    ("construction", str, "How unitary matrices are drawn: the paper's eigenvectors, or QR, equal in law.",
     CIRCULAR, CONSTRUCTIONS),
    ("part", str, "What is read off the complex spectrum of |U|.", CIRCULAR, PARTS),
    ("pooling", str, "How spectra of several orders are put together.", DENSITY, POOLINGS),
    ("window", tuple[float, float], "Part of the spectrum that is looked at.", DENSITY, "LOW HIGH"),
    ("bins", int, "Number of bins in the window.", DENSITY, ""),
    ("zeros", str, "What becomes of structural zeros: eigenvalues that vanish because N > M.",
     DENSITY, ZERO_POLICIES),
    ("normalise", str, "What the densities are divided by.", DENSITY, NORMALISATIONS),
    ("squarings", int, "1 squares layers to X = A Aᵀ, as printed; 2 to X Xᵀ, as in the author's package.",
     DENSITY, ""),
    ("bandwidth", float, "Smooth with a Gaussian kernel of this standard deviation.", DENSITY, ""),
    ("device", str, "Where eigenvalues are computed: cpu, or a torch device such as cuda.", WORK, ""),
    ("jobs", int, "Layers to work on at a time; all cores by default.", WORK, ""),
    ("cache", bool, "Keep spectra in the user's cache directory, and look them up there.", WORK, ""),
)  # fmt: skip


def measuring(**defaults: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the shared options, as a `Run` called `run`; `defaults` are those that differ for it."""
    switches = {"as_json": False, "as_csv": False, "cache": True}
    usual = {name: getattr(Options(), name, None) for name, *_ in SHARED} | switches | defaults

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        parameters = [each for each in own.parameters.values() if each.name != "run"]
        parameters += [_parameter(*setting, usual[setting[0]]) for setting in SHARED]
        parameters.append(own.parameters["run"].replace(name="context", annotation=typer.Context))

        @wraps(command)
        def with_options(context: typer.Context, **given: Any) -> None:
            shared: dict[str, Any] = {name: given.pop(name) for name, *_ in SHARED}
            jobs = validate_jobs(shared.pop("jobs"))
            store = Store("spectra-3", enabled=shared.pop("cache"))
            integer("--seed", shared["rng"], 0)
            for pattern in ("include", "exclude", "types"):
                shared[pattern] = tuple(shared[pattern] or ()) or None
            forms = {form: shared.pop(form) for form in ("as_json", "as_csv")}
            run = Run(Options(**shared), store, jobs, **forms, context=context)
            if all(forms.values()):
                raise InputError("--json and --csv exclude each other; give one of them.")
            if run.options.conjugate == "deterministic":
                refuse_idle(context, "without --conjugate sampled", "draws", "construction")
            try:
                command(**given, run=run)
            finally:
                if store.trouble:
                    complain(f"{store.trouble}; the results are not affected.")
                elif store.enabled:
                    store.tidy()

        with_options.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        with_options.__doc__ = re.sub(r"(?<!\n)\n(?!\n) *", " ", inspect.getdoc(command) or "")
        with_options.__annotations__ = {each.name: each.annotation for each in parameters}
        return with_options

    return decorate


def _parameter(
    name: str, kind: Any, words: str, panel: str | None, value: str | Iterable[str], default: Any
) -> inspect.Parameter:
    optional = default is None
    named: dict[str, Any] = {"metavar": value or None}
    if not isinstance(value, str):
        named = {"metavar": f"[{'|'.join(value)}]", "autocompletion": lambda: list(value)}
    named |= {"help": words, "rich_help_panel": panel, "show_default": not optional}
    option = typer.Option(FLAGS.get(name, f"--{name}"), **named)
    annotation = Annotated[kind | None if optional else kind, option]  # type: ignore[valid-type]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
