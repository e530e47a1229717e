"""`python -m tfmeta.cli` is `tfmeta`."""

from tfmeta.cli.entry import command

if __name__ == "__main__":
    command()
