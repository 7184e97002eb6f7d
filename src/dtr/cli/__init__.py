"""The operator's commands. One module a group; each imports its work inside the command: help is quick."""
