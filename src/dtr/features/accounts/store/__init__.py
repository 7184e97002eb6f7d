"""The rows of the accounts room: all its SQL, a module a subject."""
