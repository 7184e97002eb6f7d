"""Images: blobs, upload sessions, manifests, tags and referrers of repositories.

Owns the tables `blob`, `blob_link`, `upload`, `manifest`, `manifest_reference`, `manifest_details`, `tag` and
`tag_history`, and everything stored through the blob driver. Extended from above by `model.PushGate`; tells of pushes,
pulls and deletions (`events`). Operator command: `dtr check`. Routes of the control plane: `api`.
"""
