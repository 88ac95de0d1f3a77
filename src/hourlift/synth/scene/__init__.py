"""Places: floors, walls, furniture, and held objects."""
