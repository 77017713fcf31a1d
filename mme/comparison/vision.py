"""The paper's experiment: Table I and Figures 1 to 4, for trained networks and their untrained controls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mme.arguments import flag, integer, several
from mme.comparison.measurement import difference_of
from mme.comparison.options import Options, validate_options
from mme.ensembles.conjugate import conjugate_spectrum
from mme.ensembles.difference import CircularSpectralDifference
from mme.ensembles.layers import LayerMatrixEnsemble, layer_matrix_ensemble
from mme.ensembles.parallel import validate_work
from mme.networks.libraries import known
from mme.networks.torchvision_hub import open_torchvision
from mme.result import Result, plain
from mme.store import Store

__all__ = ["FIGURES", "PAPER", "Printed", "VisionRow", "vision_rows"]


@dataclass(frozen=True, eq=False, repr=False)
class Printed(Result):
    """One line of Table I as the paper prints it: errors on ImageNet in per cent, and Var(CSD)."""

    top1_error: float
    top5_error: float
    variance: float


PAPER = {
    "vgg11": Printed(30.98, 11.37, 0.19),
    "vgg13": Printed(30.07, 10.75, 0.20),
    "vgg16": Printed(28.41, 9.63, 0.19),
    "vgg19": Printed(27.62, 9.12, 0.18),
    "vgg11_bn": Printed(29.62, 10.19, 0.10),
    "vgg13_bn": Printed(28.45, 9.63, 0.09),
    "vgg16_bn": Printed(26.63, 8.50, 0.10),
    "vgg19_bn": Printed(25.76, 8.15, 0.09),
    "resnet18": Printed(30.24, 10.92, 0.20),
    "resnet34": Printed(26.70, 8.58, 0.23),
    "resnet50": Printed(23.85, 7.13, 1.45),
    "resnet101": Printed(22.63, 6.44, 1.86),
    "resnet152": Printed(21.69, 5.94, 1.98),
    "densenet121": Printed(25.35, 7.83, 0.42),
    "densenet161": Printed(22.35, 6.20, 0.29),
    "densenet169": Printed(24.00, 7.00, 0.52),
    "densenet201": Printed(22.80, 6.43, 0.54),
}
"""Table I of Conjugate matrix ensembles, by torchvision's names of the architectures."""

FIGURES = {
    number: tuple(name for name in PAPER if name.startswith(family))
    for number, family in enumerate(("vgg", "resnet", "densenet"), 1)
} | {4: ("vgg19", "resnet152", "densenet201")}
"""Which networks the paper's figures show; 1 to 3 the decay of the difference, 4 its fluctuations."""


@dataclass(frozen=True, eq=False, repr=False)
class VisionRow(Result):
    """One architecture of Table I, measured.

    Attributes
    ----------
    name : str
    printed : Printed
        What the paper prints.
    ensemble : LayerMatrixEnsemble
        Of the trained network where it was measured, otherwise of the first untrained control.
    untrained : tuple of CircularSpectralDifference
        Of initial weights, one for each seed.
    trained : CircularSpectralDifference, optional
        Of the weights IMAGENET1K_V1.
    """

    name: str
    printed: Printed
    ensemble: LayerMatrixEnsemble
    untrained: tuple[CircularSpectralDifference, ...]
    trained: CircularSpectralDifference | None = None

    @property
    def untrained_variance(self) -> float:
        """Var(CSD) of the untrained control, the mean over its seeds."""
        return float(np.mean([csd.variance for csd in self.untrained]))

    @property
    def untrained_standard_error(self) -> float:
        """Its standard error: over the draws of the conjugate, and over the seeds where there are several.

        All seeds are compared with the same draws, so the error over the draws does not shrink with them.
        """
        draws = float(np.mean([csd.standard_error for csd in self.untrained]))
        if len(self.untrained) == 1:
            return draws
        variances = np.array([csd.variance for csd in self.untrained])
        return float(np.hypot(draws, variances.std(ddof=1) / np.sqrt(len(variances))))

    @property
    def outside(self) -> float:
        """Share of the eigenvalues beyond the window, zeros left out; trained where that was measured."""
        inside = (self.trained or self.untrained[0]).inside_nonzero
        return float("nan") if inside is None else 1 - inside

    def __repr__(self) -> str:
        trained = f", trained {self.trained.variance:.4g}" if self.trained else ""
        printed = f"the paper prints {self.printed.variance:g}"
        return f"VisionRow({self.name}: untrained {self.untrained_variance:.4g}{trained}; {printed})"

    def to_dict(self) -> dict[str, Any]:
        """Return what a line of the table tells."""
        orders, trained = self.ensemble.orders, self.trained
        told = {
            "name": self.name,
            "paper_variance": self.printed.variance,
            **{name: getattr(trained, name, None) for name in ("variance", "standard_error")},
            "untrained_variance": self.untrained_variance,
            "untrained_standard_error": self.untrained_standard_error,
            "noise_floor": self.untrained[0].noise_floor,
            "outside": self.outside,
            "top1_error": self.printed.top1_error,
            "top5_error": self.printed.top5_error,
            "layers": len(orders),
            "eigenvalues": sum(orders),
            "structural_zeros": self.ensemble.structural_zeros,
        }
        return {name: plain(value) for name, value in told.items()}


def vision_rows(
    names: Iterable[str] | None = None,
    options: Options | None = None,
    *,
    trained: bool = True,
    seeds: int = 1,
    store: Store | None = None,
    jobs: int | None = None,
    progress: bool = False,
) -> Iterator[VisionRow]:
    """Yield the architectures of Table I, measured one after the other.

    Each sampled conjugate has the right law and the right error, but those of different networks are
    correlated: the k-th circular matrix of an order is one and the same in all of them
    (`SampledCircularEnsemble.shared`), and so is an untrained layer of a shape.

    Parameters
    ----------
    names : iterable of str, optional
        Some of `PAPER`; all when left out.
    options : Options, optional
        In single precision when left out, which changes Var(CSD) in the seventh digit, that of a sampled
        conjugate by far less than its error.
    trained : bool
        Measure the trained weights too, which torchvision fetches where they are not here.
    seeds : int
        How many untrained controls are drawn for each network.
    store, jobs, progress
        As in `LayerMatrixEnsemble.measured`. By the store networks share what is computed, not only drawn.

    Raises
    ------
    InputError
        If a name is not in Table I, or the weights of a network are not here and cannot be fetched.

    Examples
    --------
    >>> options = Options(dtype="float32", zeros="half", part="symmetric")
    >>> row = next(vision_rows(["resnet18"], options, trained=False))
    >>> 0.2 < row.untrained_variance < 0.4, row.printed.variance
    (True, 0.2)
    """
    options = Options(dtype="float32") if options is None else validate_options(options)
    seeds, trained = integer("seeds", seeds, 1), flag("trained", trained)
    validate_work(jobs, store, progress)
    given = PAPER if names is None else several("names", names, str, "names of networks of Table I")
    chosen = [known("Table I", name, PAPER) for name in given]
    work: dict[str, Any] = {"store": store, "jobs": jobs, "progress": progress}
    for name in chosen:
        weights = [open_torchvision(name, "untrained", options.rng + number) for number in range(seeds)]
        if trained:
            weights.append(open_torchvision(name))
        ensembles = [layer_matrix_ensemble(each, name=name, **options.selection) for each in weights]
        for each in ensembles:
            each.measured(device=options.device, **work)
        conjugate = conjugate_spectrum(ensembles[0].orders, shared=True, **options.drawing, **work)
        csds = [difference_of(each, conjugate, options) for each in ensembles]
        after = csds[-1] if trained else None
        yield VisionRow(name, PAPER[name], ensembles[-1 if trained else 0], tuple(csds[:seeds]), after)
