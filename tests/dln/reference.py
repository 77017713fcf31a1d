"""Formula (1.2) and its parts to the letter, in long arithmetic, without any hyperbolic sine."""

from collections.abc import Sequence
from itertools import combinations

import mpmath as mp
import numpy as np


def log_group_volume(d: int, beta: int) -> mp.mpf:
    """log c_{d,β}, from the volumes of spheres."""
    spheres = [2 * mp.pi ** (mp.mpf(beta * k) / 2) / mp.gamma(mp.mpf(beta * k) / 2) for k in range(1, d + 1)]
    return mp.mpf(beta * d * (d - 1)) / 4 * mp.log(2) + sum(mp.log(sphere) for sphere in spheres)


def log_quotient(a: mp.mpf, b: mp.mpf, depth: int) -> mp.mpf:
    """log (a^{2N} − b^{2N})/(a² − b²), and N a^{2(N−1)} at a = b."""
    if a == b:
        return mp.log(depth * a ** (2 * (depth - 1)))
    return mp.log((a ** (2 * depth) - b ** (2 * depth)) / (a**2 - b**2))


def terms(sigma: Sequence[float], depth: int, beta: int, digits: int = 50) -> dict[str, mp.mpf]:
    """The four terms of (1.2), σ as the exact numbers that the floats are."""
    with mp.workdps(digits):
        d, values = len(sigma), [mp.mpf(float(value)) for value in sigma]
        roots = [mp.root(value, depth) for value in values]
        pairs = [
            log_quotient(roots[k], roots[l], depth)
            if values[k] == values[l]
            else mp.log((values[k] ** 2 - values[l] ** 2) / (roots[k] ** 2 - roots[l] ** 2))
            for k, l in combinations(range(d), 2)
        ]
        return {
            "group": (depth - 1) * log_group_volume(d, beta),
            "depth": mp.mpf(d * (beta - 1)) / 2 * mp.log(depth),
            "determinant": mp.mpf((depth - 1) * (beta - 1)) / depth * sum(mp.log(value) for value in values),
            "vandermonde": mp.mpf(beta) / 2 * mp.fsum(pairs),
            "sizes": mp.fsum(abs(pair) for pair in pairs) * mp.mpf(beta) / 2
            + mp.mpf((depth - 1) * (beta - 1)) / depth * mp.fsum(abs(mp.log(value)) for value in values),
        }


def infinite_depth(sigma: Sequence[float], beta: int, digits: int = 50) -> mp.mpf:
    """S_∞ of Remark 1.4, with logarithmic means."""
    with mp.workdps(digits):
        values = [mp.mpf(float(value)) for value in sigma]
        total = (beta - 1) * sum(mp.log(value) for value in values)
        for a, b in combinations(values, 2):
            mean = a**2 if a == b else (a**2 - b**2) / (mp.log(a**2) - mp.log(b**2))
            total += mp.mpf(beta) / 2 * mp.log(mean)
        return total


def spectra(d: int) -> dict[str, list[float]]:
    """Singular values of every kind: apart, equal, nearly equal, far apart and of every scale."""
    apart = [2.0, 1.0, 0.5, 0.3][:d]
    rng = np.random.default_rng(d)
    return {
        "apart": apart,
        "random": rng.lognormal(sigma=2, size=d).tolist(),
        "equal": [0.7] * d,
        "two equal": ([1.5, 1.5, *apart])[:d],
        "last bit": [float(np.nextafter(1.0, 2.0)), 1.0, 1.0, 3.0][:d],
        "gap 1e-12": [1.0 + 1e-12, 1.0, 2.0, 2.0 - 1e-9][:d],
        "gap 1e-6": [3.0, 3.0 - 1e-6, 1.0, 1.0 + 1e-5][:d],
        "gap 0.25": [1.0, float(np.exp(-0.25)), float(np.exp(0.2499)), 1.5][:d],
        "tiny": [1e-300, 2e-300, 3e-300, 3e-300][:d],
        "huge": [1e300, 2e300, 2e300, 9e299][:d],
        "all scales": [1e300, 1e-300, 1.0, 1e-8][:d],
        "subnormal": [5e-324, 1e-310, 1.0, 2.0][:d],
    }
