"""Password hashes (argon2id) and generated passwords."""

import secrets

import argon2

from dtr.core.errors import Invalid

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1

GENERATED_GROUPS = 5
GENERATED_GROUP_LENGTH = 5
GENERATED_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Nothing that looks like something else; 25 characters make 123 bits."""


class PasswordHasher:
    """Hashes with OWASP's recommended parameters (Password Storage Cheat Sheet): 19 MiB, two passes, one lane.

    RFC 9106 would take 64 MiB a check; several at once would outweigh everything else a worker holds.

    Blocks for tens of milliseconds and lets other threads run meanwhile: call it on a thread.
    """

    def __init__(self) -> None:
        self._argon2 = argon2.PasswordHasher(
            time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, type=argon2.Type.ID
        )

    def hash(self, password: str) -> str:
        """Return what to store for a password. Raises Invalid if it is not Unicode text."""
        try:
            return self._argon2.hash(password)
        except UnicodeEncodeError:
            raise Invalid("the password is not text in UTF-8") from None  # the cause holds the password

    def verify(self, stored: str, password: str) -> bool:
        """Tell whether the password is the one that was hashed.

        A stored text that is no hash matches nothing, and neither does a password that is not Unicode text.
        """
        try:
            return self._argon2.verify(stored, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError, UnicodeEncodeError):
            return False

    def needs_rehash(self, stored: str) -> bool:
        """Tell whether the hash was made with other parameters than new ones are."""
        return self._argon2.check_needs_rehash(stored)


def generate_password() -> str:
    """Return a password that people can read out and type."""
    groups = (
        "".join(secrets.choice(GENERATED_ALPHABET) for _ in range(GENERATED_GROUP_LENGTH))
        for _ in range(GENERATED_GROUPS)
    )
    return "-".join(groups)
