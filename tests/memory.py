"""How much memory reading a checkpoint takes, measured in a process of its own."""

import subprocess
import sys
from pathlib import Path

__all__ = ["peak_of_reading"]

PROGRAM = r"""
import re, sys
from pathlib import Path
from mme.checkpoints import open_checkpoint

def peak():
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])

def read(path):
    for tensor in open_checkpoint(path).values():
        tensor.read()

read(sys.argv[1])
before = peak()
read(sys.argv[2])
print(peak() - before)
"""


def peak_of_reading(small: Path, large: Path) -> int:
    """Bytes by which reading the large file, tensor by tensor, raises the peak that the small one left."""
    command = [sys.executable, "-c", PROGRAM, str(small), str(large)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
