"""Passwords, tokens, signing keys, sealed secrets and the internal certificate authority.

Built on argon2-cffi, PyJWT and cryptography: no primitive is our own.
"""
