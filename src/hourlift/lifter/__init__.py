"""Stage 2: 17 joints in the image -> 17 joints in millimetres."""
