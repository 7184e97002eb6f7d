"""What tests of the pages about repositories make and read."""

import itertools
import re
from urllib.parse import urlencode

from tests.support.api import ApiClient
from tests.support.site import REPOSITORIES


def at(path: str, **query: str) -> str:
    """Return an address with a query."""
    return f"{path}?{urlencode(query)}"


def make(client: ApiClient, namespace: str, name: str, **fields: object) -> None:
    """Make a repository through the API."""
    made = client.post(f"{REPOSITORIES}/{namespace}", {"name": name, **fields})
    assert made.status_code == 201, made.text


def names(page: str) -> list[str]:
    """Return the addresses of the repositories that a list shows."""
    return re.findall(r'class="repository-(?:name|path break)" href="/repositories/([^"]+)"', page)


_numbers = itertools.count(1)


def made(admin: ApiClient) -> str:
    """Make a repository of acme for one test; return its name."""
    name = f"one-{next(_numbers)}"
    make(admin, "acme", name)
    return name
