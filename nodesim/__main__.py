"""`python -m nodesim` is the `nodesim` command."""

from nodesim.cli import main

if __name__ == "__main__":
    main()
