"""The rows of the repositories room: all its SQL, a module a subject."""
