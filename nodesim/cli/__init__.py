"""The `nodesim` command."""
