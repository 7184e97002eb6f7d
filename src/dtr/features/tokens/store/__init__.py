"""The rows of the tokens room: all its SQL, a module a subject."""
