"""What runs the actors: one ordered queue, virtual time, named streams, supervision."""
