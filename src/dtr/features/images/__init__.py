"""Images: blobs, upload sessions, manifests, tags and referrers of repositories.

Owns the tables `blob`, `blob_link`, `upload`, `manifest`, `manifest_reference` and `tag`, and everything stored through
the blob driver. Extended from above by `model.PushGate`. Operator command: `dtr check`.
"""
