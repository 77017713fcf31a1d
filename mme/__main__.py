"""`python -m mme` is the command `mme`."""

from mme.start import main

if __name__ == "__main__":
    main()
