"""The training loop and its parts, independent of the network."""
