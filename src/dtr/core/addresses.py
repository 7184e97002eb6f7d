"""IP addresses of clients."""

import ipaddress

GROUP_BITS = 64
"""A client on IPv6 has a whole network of this prefix length to choose its addresses from."""


def plain_address(address: str) -> str:
    """Return the address as its owner would write it: of an IPv4 client on an IPv6 socket the IPv4 one.

    Text that is no address is returned as it is.
    """
    if not address.startswith("::"):
        return address
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return str(parsed.ipv4_mapped) if parsed.ipv4_mapped is not None else address


def address_group(address: str) -> str:
    """Return whom a limit by address is for: an IPv4 address, of IPv6 its /64 network, of anything else nobody."""
    try:
        parsed = ipaddress.ip_address(plain_address(address.partition("%")[0]))
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(ipaddress.ip_network((int(parsed), GROUP_BITS), strict=False))
