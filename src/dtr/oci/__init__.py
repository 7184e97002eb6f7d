"""Words of the registry protocol: digests, names, media types, manifests, headers and their errors.

Everything here is pure and treats its input as hostile: a parser either returns a valid object or raises a
`RegistryError`, whatever it is fed. Source: OCI distribution-spec and image-spec 1.1, Docker schema 2.
"""
