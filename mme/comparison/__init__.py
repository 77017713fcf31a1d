"""Networks side by side: measured with every choice named, compared, and the paper's own experiment."""

from mme.comparison.compare import Comparison, compare
from mme.comparison.measurement import Measurement, measure
from mme.comparison.options import Options
from mme.comparison.statistics import STATISTICS, statistics
from mme.comparison.vision import FIGURES, PAPER, VisionRow, vision_rows

__all__ = [
    "FIGURES", "PAPER", "STATISTICS", "Comparison", "Measurement", "Options", "VisionRow", "compare",
    "measure", "statistics", "vision_rows",
]  # fmt: skip
