"""How do frames travel?  Transports are found by the entry-point group `nodesim.transports`."""
