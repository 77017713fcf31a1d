"""Part II: balanced factorisations of a matrix over R, C and H, and the entropy formula.

Layers are arrays of shape (..., N, d, d) with W_1, the layer that is applied first, at index 0.
"""

from typing import TYPE_CHECKING

from mme.late import lazily

if TYPE_CHECKING:
    from mme.dln.balance import (
        act,
        act_on_endpoints,
        balance_defects,
        balance_violation,
        balanced_lift,
        centre,
        require_balanced,
    )
    from mme.dln.beta_ensembles import beta_hermite
    from mme.dln.blocks import gram_blocks, log_gram_determinant, path_adjacency, tridiagonal_block
    from mme.dln.chebyshev import (
        block_determinant,
        chebyshev_recurrence,
        log_block_determinant,
        log_chebyshev,
        tridiagonal_determinants,
    )
    from mme.dln.derivatives import entropy_gradient, entropy_hessian
    from mme.dln.entropy import (
        entropy,
        infinite_depth_entropy,
        log_vandermonde_ratio,
        orbit_volume,
        renormalised_entropy,
    )
    from mme.dln.extrapolation import ExtrapolatedVolume
    from mme.dln.flows import Flow, gradient_flow
    from mme.dln.gram import gram_matrix, log_jacobian, pushed_forward_basis
    from mme.dln.imbalance import Imbalance, ImbalanceMonitor
    from mme.dln.kernels import group_volume_from_kernel, kernel, orbit_volume_from_kernel
    from mme.dln.langevin import Langevin, langevin
    from mme.dln.matrices import matrix_entropy, network_entropy
    from mme.dln.metric import (
        dln_metric,
        entropy_from_metric,
        log_metric_determinant,
        log_metric_eigenvalues,
        metric_operator,
    )
    from mme.dln.monte_carlo import VolumeEstimate, ball_count_volume, group_volume_mc, orbit_volume_mc
    from mme.dln.orbit import orbit_dimension, orbit_map, orbit_map_differential
    from mme.dln.procrustes import frames, nearest_balanced
    from mme.dln.product import end_to_end, stack_layers
    from mme.dln.terms import EntropyTerms, entropy_terms

__all__ = [
    "EntropyTerms", "ExtrapolatedVolume", "Flow", "Imbalance", "ImbalanceMonitor", "Langevin",
    "VolumeEstimate", "act", "act_on_endpoints", "balance_defects", "balance_violation",
    "balanced_lift", "ball_count_volume", "beta_hermite", "block_determinant", "centre",
    "chebyshev_recurrence", "dln_metric", "end_to_end", "entropy", "entropy_from_metric",
    "entropy_gradient", "entropy_hessian", "entropy_terms", "frames", "gradient_flow", "gram_blocks",
    "gram_matrix", "group_volume_from_kernel", "group_volume_mc", "infinite_depth_entropy", "kernel",
    "langevin", "log_block_determinant", "log_chebyshev", "log_gram_determinant", "log_jacobian",
    "log_metric_determinant", "log_metric_eigenvalues", "log_vandermonde_ratio", "matrix_entropy",
    "metric_operator", "nearest_balanced", "network_entropy", "orbit_dimension", "orbit_map",
    "orbit_map_differential", "orbit_volume", "orbit_volume_from_kernel", "orbit_volume_mc",
    "path_adjacency", "pushed_forward_basis", "renormalised_entropy", "require_balanced",
    "stack_layers", "tridiagonal_block", "tridiagonal_determinants",
]  # fmt: skip

lazily(__name__)
