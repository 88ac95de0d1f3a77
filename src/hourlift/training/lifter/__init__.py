"""Training of stage 2."""
