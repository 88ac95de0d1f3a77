"""The networks in use: running them, and what their heatmaps say."""
