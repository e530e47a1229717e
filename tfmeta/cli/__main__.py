"""`python -m tfmeta.cli` is `tfmeta`."""

import sys

from tfmeta.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
