"""Which passwords are good enough."""

import lzma
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from dtr.core.errors import Invalid
from dtr.core.ids import SECRET_MARK
from dtr.core.messages import said

MAX_PASSWORD_BYTES: Final = 1024
"""Longest password in UTF-8: more would only make the hash slower."""

LEAST_DIFFERENT_CHARACTERS: Final = 4

COMMON_PASSWORDS: Final = "common_passwords.txt.xz"
"""Passwords of at least eight characters that people often choose, case-folded, one a line."""

_NO_LETTER_AT_THE_ENDS: Final = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_NEITHER_LETTER_NOR_DIGIT: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """What a new password must be. Says nothing of passwords that are set already.

    Source: NIST SP 800-63B, section 5.1.1.2: length counts, known passwords are refused, no rules of composition.
    """

    min_length: int = 12
    """Characters."""
    check_common: bool = True
    """Whether passwords that many people use are refused."""

    def check(self, name: str, password: str) -> None:
        """Raise Invalid if the account `name` may not have this password. The message never repeats it."""
        if len(password) < self.min_length:
            raise Invalid(said("a password has %(count)s or more characters", count=self.min_length))
        if password.startswith(
            SECRET_MARK
        ):  # it would be taken for a token, and never be checked as a password
            raise Invalid(said("a password does not begin with %(mark)s, as tokens do", mark=SECRET_MARK))
        # What is no text at all is refused when it is hashed.
        if len(password.encode(errors="replace")) > MAX_PASSWORD_BYTES:
            raise Invalid(said("a password has at most %(count)s bytes", count=MAX_PASSWORD_BYTES))
        if is_made_of_name(name, password):
            raise Invalid("the password must not be the account's name, with or without digits around it")
        if self.check_common and is_common(password):
            raise Invalid("many people use this password, or one that is almost the same; choose another")


def is_made_of_name(name: str, password: str) -> bool:
    """Tell whether a password is the name forwards or backwards, once or repeated, with only digits and signs added."""
    plain = _NEITHER_LETTER_NOR_DIGIT.sub("", name)
    text = _NEITHER_LETTER_NOR_DIGIT.sub("", password.casefold())
    return any(
        each in text and not text.replace(each, "").strip("0123456789") for each in (plain, plain[::-1])
    )


def is_common(password: str) -> bool:
    """Tell whether a password is known to be common, with or without digits and signs around it, or monotonous."""
    text = password.casefold()
    return len(set(text)) < LEAST_DIFFERENT_CHARACTERS or not _common_passwords().isdisjoint(
        {text, _NO_LETTER_AT_THE_ENDS.sub("", text)}
    )


@cache
def _common_passwords() -> frozenset[str]:
    """Read the list, at the first new password of the process: about 1 MB of memory."""
    data = files(__package__).joinpath(COMMON_PASSWORDS).read_bytes()
    return frozenset(lzma.decompress(data).decode().splitlines())


DEFAULT_POLICY: Final = PasswordPolicy()
