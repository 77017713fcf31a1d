"""Draw the figure of the README and of the first page: python book/_ext/readme_figure.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mme.ensembles import (
    SpectralDensity,
    deterministic_spectrum,
    layer_matrix_ensemble,
    pooled_spectrum,
    spectral_density,
)
from mme.networks import digits_family, efficientnet_lite, untrained_control
from mme.plots import spectra_beside_controls

PICTURE = Path(__file__).resolve().parents[1] / "_static" / "readme.png"


def main(picture: Path = PICTURE) -> None:
    """Draw three trained networks, their untrained controls and their conjugate ensembles.

    Parameters
    ----------
    picture : Path
        The PNG file to write; its background is transparent, for white pages and dark ones.
    """
    family = digits_family(["vgg11_bn", "resnet38"])
    weights: dict[str, tuple[Any, Any]] = {name: (net.trained, net.untrained) for name, net in family.items()}
    lite = efficientnet_lite(0)
    weights["efficientnet-lite0"] = (lite, untrained_control(lite, "efficientnet", rng=0))

    after, before, conjugate = {}, {}, {}
    for name, (trained, untrained) in weights.items():
        spectrum = pooled_spectrum(layer_matrix_ensemble(trained))
        after[name] = density(spectrum)
        before[name] = density(pooled_spectrum(layer_matrix_ensemble(untrained)))
        conjugate[name] = density(deterministic_spectrum(spectrum.orders))
    drawn = spectra_beside_controls(after, before, conjugate)
    drawn.savefig(picture, dpi=160, transparent=True, bbox_inches="tight")


def density(spectrum: Any) -> SpectralDensity:
    """The histogram that the picture shows: structural zeros would hide all the rest."""
    return spectral_density(spectrum, window=(0, 4), bins=80, zeros="drop")


if __name__ == "__main__":
    main()
