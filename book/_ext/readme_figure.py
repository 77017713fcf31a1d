"""Draw the figure of the README and of the first page: python book/_ext/readme_figure.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from mme.ensembles import deterministic_spectrum, layer_matrix_ensemble, pooled_spectrum, spectral_density
from mme.networks import digits_family, efficientnet_lite, untrained_control
from mme.plots import PALETTE, figure, styled

PICTURE = Path(__file__).resolve().parents[1] / "_static" / "readme.png"
BLUE, ORANGE, *_, GREY = PALETTE


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
    spectra_beside_controls(weights).savefig(picture, dpi=220, transparent=True, bbox_inches="tight")


@styled
def spectra_beside_controls(weights: dict[str, tuple[Any, Any]]) -> Axes:
    """Draw the densities of networks, one panel each; structural zeros would hide all the rest."""
    axes: list[Axes] = list(figure(size=(5.6, 3.0), panels=(1, len(weights)), sharey=True))
    for ax, (name, states) in zip(axes, weights.items(), strict=True):
        trained, untrained = (pooled_spectrum(layer_matrix_ensemble(each)) for each in states)
        conjugate = deterministic_spectrum(trained.orders)
        curves = (
            (conjugate, {"label": "conjugate", "color": GREY, "fill": True, "alpha": 0.35}),
            (untrained, {"label": "untrained", "color": ORANGE}),
            (trained, {"label": "trained", "color": BLUE}),
        )
        for spectrum, look in curves:
            rho = spectral_density(spectrum, window=(0, 4), bins=80, zeros="drop")
            ax.stairs(rho.density, rho.edges, **look)
        ax.set(title=name, xlabel="ε")
    axes[0].set(ylabel="density ρ(ε)")
    axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return axes[0]


if __name__ == "__main__":
    main()
