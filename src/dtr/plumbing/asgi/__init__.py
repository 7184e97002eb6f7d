"""The data plane's small kit: an HTTP/1.1 server protocol, requests, responses, routes.

Made for what a registry does all day: tiny answers from memory, huge bodies in both directions. Everything here is
plain ASGI at its edges, so any ASGI application can be mounted beside our own routes.
"""
