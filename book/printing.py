"""Print the book: run TeX on what Sphinx wrote, and say what this machine lacks for it."""

import shutil
import subprocess
from pathlib import Path

__all__ = ["print_book", "tex_lacks"]

PACKAGES = "latexmk texlive-xetex texlive-latex-extra fonts-texgyre fonts-dejavu"
PROGRAMS = ("latexmk", "xelatex", "kpsewhich", "fc-list")
FILES = ("newunicodechar.sty", "mathpazo.sty", "tabulary.sty", "capt-of.sty")
FONTS = ("TeX Gyre Pagella", "TeX Gyre Heros", "DejaVu Sans Mono")
NAME = "spectra-of-deep-networks"


def tex_lacks() -> str:
    """Say what the PDF needs and this machine has not; nothing if it has all."""
    lacking = [program for program in PROGRAMS if not shutil.which(program)]
    if not lacking:
        lacking = [name for name in FILES if not _told("kpsewhich", name)]
        # Type 1 fonts have the same names, and XeTeX cannot use them
        have = "".join(_told("fc-list", f":fontformat={kind}", "family") for kind in ("CFF", "TrueType"))
        lacking += [f"the font {name}" for name in FONTS if name not in have]
    if not lacking:
        return ""
    return f"The PDF needs {', '.join(lacking)}; on Debian and Ubuntu: apt install {PACKAGES}"


def _told(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def print_book(folder: Path) -> int:
    """Run TeX in the folder and return the exit status; a character that no font has is an error."""
    print("TeX sets the book three times, in about a minute", flush=True)
    tex = ["latexmk", "-pdfxe", "-interaction=nonstopmode", "-silent", NAME + ".tex"]
    status = subprocess.run(tex, cwd=folder, capture_output=True).returncode
    log = (folder / f"{NAME}.log").read_text(encoding="utf-8", errors="replace")
    faults = [line for line in log.splitlines() if line.startswith(("!", "Missing character"))]
    if status or faults:
        print("\n".join([*faults[:20], f"TeX failed; {folder / NAME}.log says where."]))
        return 1
    print(f"The book is printed: {folder / NAME}.pdf")
    return 0
