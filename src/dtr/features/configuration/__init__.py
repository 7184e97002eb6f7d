"""Settings that administrators change while the registry runs, and what the registry says of itself.

Owns the table `property`. What is set at start, in the tree of `dtr.settings`, is the default here.
"""
