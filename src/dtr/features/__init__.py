"""Rooms: one folder per thing the product does. `docs/` and the door signs say which leans on which."""
