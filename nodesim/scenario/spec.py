"""Moved."""

from nodesim.spec import *  # noqa
