"""Robots: callers that are programs, with permits of their own, an expiry, and secrets that can be rotated.

Owns the table `robot`. Leans on `accounts`, `access` and `repositories`.
"""
