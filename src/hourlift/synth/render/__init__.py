"""From meshes and light to images."""
