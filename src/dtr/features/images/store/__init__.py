"""All SQL of the images room, by subject."""
