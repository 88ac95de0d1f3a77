"""Training of both stages with one loop: `loop.train` runs any implementation of `loop.Stage`."""
