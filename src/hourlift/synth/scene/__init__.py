"""Places: floors, walls, furniture, and what people hold."""
