"""Smaller networks: ranks and units taken away, training again, and what a stopping rule would have done.

`truncate_rank` and `remove_units` shrink a network, beside `mme.transforms.prune`; `retrain` trains on
without giving back what was taken away; `ladder` measures a network at rising shares, and `stopping` says
where the equivalence test would stop and where accuracy falls. `width_depth_grid` trains one network at each
width and depth; `rank_correlation` and `leave_one_out` say what one number of a network tells about another.
torch is imported when a name that needs it is first used.
"""

from typing import TYPE_CHECKING

from mme.lazy import lazy_names

if TYPE_CHECKING:
    from mme.shrinking.prediction import RankCorrelation, leave_one_out, rank_correlation
    from mme.shrinking.retraining import retrain
    from mme.shrinking.steps import AccuracyChange, Step, Stopping, ladder, measured, stopping
    from mme.shrinking.truncation import stored_numbers, truncate_rank
    from mme.shrinking.units import remove_units
    from mme.shrinking.width_depth import GridNetwork, width_depth_grid

__all__ = [
    "AccuracyChange",
    "GridNetwork",
    "RankCorrelation",
    "Step",
    "Stopping",
    "ladder",
    "leave_one_out",
    "measured",
    "rank_correlation",
    "remove_units",
    "retrain",
    "stopping",
    "stored_numbers",
    "truncate_rank",
    "width_depth_grid",
]

_HOME = {
    "AccuracyChange": "steps",
    "GridNetwork": "width_depth",
    "RankCorrelation": "prediction",
    "Step": "steps",
    "Stopping": "steps",
    "ladder": "steps",
    "leave_one_out": "prediction",
    "measured": "steps",
    "rank_correlation": "prediction",
    "remove_units": "units",
    "retrain": "retraining",
    "stopping": "steps",
    "stored_numbers": "truncation",
    "truncate_rank": "truncation",
    "width_depth_grid": "width_depth",
}

__getattr__, __dir__ = lazy_names(__name__, _HOME)
