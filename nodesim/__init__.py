"""nodesim: what does the control plane believe about a node and its pods, and what is really running there?"""

__version__ = "0.1.0"

__all__ = ["__version__"]
