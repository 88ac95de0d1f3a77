"""Training of stage 1."""
