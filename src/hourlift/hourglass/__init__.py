"""Stage 1: image of a person -> a heatmap per joint -> 17 joints in the image."""
