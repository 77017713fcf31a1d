"""What the package costs, beside its peers and the machine's limit: `python run.py bench`."""
