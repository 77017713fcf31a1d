"""Networks side by side: measured with every choice named, compared, and the paper's own experiment."""

from mme.comparison.compare import Comparison, compare
from mme.comparison.measurement import Measurement, measure
from mme.comparison.options import Options
from mme.comparison.vision import FIGURES, PAPER, VisionRow, vision_rows

__all__ = [
    "FIGURES", "PAPER", "Comparison", "Measurement", "Options", "VisionRow", "compare", "measure",
    "vision_rows",
]  # fmt: skip
