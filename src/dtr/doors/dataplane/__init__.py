"""The registry protocol under `/v2/`: OCI distribution 1.1 and Docker schema 2.

Knows the images room and token checking, and nothing else. Source of all rules here: OCI distribution-spec; where it
leaves a choice, ours is in `docs/reference/protocol.md`.
"""
