"""Faults put into the formulas one by one, and the tests and chapters that notice: `python run.py mutants`.

Of the tools that there are, mutmut leaves out decorated functions, with them every property and every cached
formula; cosmic-ray starts Python anew for each fault and knows no coverage; neither runs a chapter.
"""
