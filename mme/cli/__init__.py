"""The command `mme`."""

from mme.cli import cache, compare, entropy, evidence, spectrum, table
from mme.cli.app import app, main
from mme.cli.entropy import read_matrix

__all__ = ["app", "cache", "compare", "entropy", "evidence", "main", "read_matrix", "spectrum", "table"]
