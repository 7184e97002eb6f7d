"""What a request says of who sends it, before anybody has checked that."""

import base64
import binascii
from dataclasses import dataclass

from dtr.core.errors import Unauthorized
from dtr.core.principal import ANONYMOUS, Caller
from dtr.plumbing.asgi.request import Request

MAX_AGENT_LENGTH = 256


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """A name and a password, as the client sent them."""

    name: str
    password: str


def circumstances(request: Request) -> Caller:
    """Return a caller who is nobody yet, with address, program and request id."""
    agent = (request.header(b"user-agent") or b"").decode("latin-1")
    return Caller(ANONYMOUS, request.client_host, agent[:MAX_AGENT_LENGTH], request.request_id)


def is_bearer(header: bytes) -> bool:
    """Tell whether an `Authorization` header holds a token rather than name and password."""
    return header.strip().partition(b" ")[0].lower() == b"bearer"


def parse_bearer(header: bytes) -> str:
    """Return the token of an `Authorization: Bearer` header (RFC 6750, section 2.1)."""
    return header.strip().partition(b" ")[2].strip().decode("latin-1")


def parse_basic(header: bytes) -> BasicCredentials:
    """Parse an `Authorization: Basic` header (RFC 7617, section 2). Raises Unauthorized if it is none."""
    scheme, _, encoded = header.strip().partition(b" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthorized("the Authorization header cannot be read") from error
    name, colon, password = decoded.partition(":")
    if scheme.lower() != b"basic" or not colon:
        raise Unauthorized("the Authorization header holds no user name and password")
    return BasicCredentials(name, password)
