"""The body: its shape, its mesh, its parts."""
