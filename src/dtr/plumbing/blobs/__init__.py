"""Blob storage: bytes by key, and uploads that survive a broken connection.

Owns the directory (or bucket) that the storage settings name; no tables, no events, no jobs. It knows
nothing of repositories: who may read a blob, and which repository shows it, is decided above.

Start reading at `driver.py`, the contract of every driver; `layout.py` draws where things lie.
"""
