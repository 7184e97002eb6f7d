"""Names in the protocol: repositories, tags, and the reference at the end of a manifest URL.

Source: OCI distribution-spec, "Pulling manifests".
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dtr.core.messages import said
from dtr.oci.digest import Digest
from dtr.oci.errors import NameInvalid, TagInvalid

MAX_NAME_LENGTH: Final = 255
"""Longest repository path (characters). Clients count the host too; we cannot know the one they use."""

_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class RepositoryName:
    """The path of a repository, e.g. `team/app`. Build with `parse`: an instance is known to be valid."""

    path: str

    @staticmethod
    def parse(text: str) -> "RepositoryName":
        """Parse a repository path. Raises NameInvalid if it breaks the grammar or is too long."""
        return _parse_name(text)

    @property
    def namespace(self) -> str:
        """The first component: the account that the repository belongs to."""
        return self.path.partition("/")[0]

    def __str__(self) -> str:
        return self.path


@lru_cache(maxsize=4096)
def _parse_name(text: str) -> RepositoryName:
    if len(text) > MAX_NAME_LENGTH:
        raise NameInvalid(
            said("a repository name has at most %(count)s characters", count=MAX_NAME_LENGTH),
            given=text[:100],
        )
    if _NAME.fullmatch(text) is None:
        raise NameInvalid(
            "a repository name is made of lower-case letters and digits, with single separators inside"
            " and slashes between",
            given=text[:100],
        )
    return RepositoryName(text)


def parse_tag(text: str) -> str:
    """Return `text` if it is a tag; upper and lower case differ. Raises TagInvalid if it is not."""
    if _TAG.fullmatch(text) is None:
        raise TagInvalid(
            "a tag has 1 to 128 letters, digits, underscores, dots and dashes; no dot or dash comes first",
            given=text[:100],
        )
    return text


def parse_reference(text: str) -> str | Digest:
    """Parse what a manifest URL ends with: text with a colon is a digest, any other a tag.

    Raises DigestInvalid or TagInvalid.
    """
    return Digest.parse(text) if ":" in text else parse_tag(text)
