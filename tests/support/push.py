"""Push a small image: `python push.py URL NAME:TAG USER:PASSWORD`, for the hidden steps of documentation pages."""

import sys

from tests.support.registry import RegistryClient


def main(url: str, reference: str, credentials: str) -> None:
    """Push it."""
    name, _, tag = reference.partition(":")
    user, _, password = credentials.partition(":")
    registry = RegistryClient(url, user, password)
    registry.push_image(name, tag or "latest")
    registry.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
