"""Run the command line with ``python -m hourlift``."""

import sys

from hourlift.cli import main

if __name__ == "__main__":
    sys.exit(main())
