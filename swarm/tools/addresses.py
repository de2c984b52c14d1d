"""Which hosts may be asked: those on the open internet, and those that the user named. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from fnmatch import fnmatchcase

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_CLOSED = tuple(
    ipaddress.ip_network(one)
    for one in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # behind the NAT of a carrier; a cloud's metadata, too (100.100.100.200)
        "168.63.129.16/32",  # Azure's own services, for its machines alone
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "240.0.0.0/4",
        "64:ff9b:1::/48",
        "100::/64",
        "fc00::/7",
        "fec0::/10",
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_COMPATIBLE = ipaddress.ip_network("::/96")


def is_open(address: str) -> bool:
    """Say whether an address is one of the open internet: not of this machine, a private network, or a cloud's metadata.

    An IPv6 address that leads to an IPv4 one is as open as that.
    """
    try:
        found: _Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(_is_open(each) for each in (found, *_within(found)))


def _is_open(address: _Address) -> bool:
    if address.version == 6 and address in _NAT64:
        return True  # what it leads to is looked at
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _CLOSED if network.version == address.version)
    )


def _within(address: _Address) -> list[_Address]:
    """The IPv4 addresses that an IPv6 one leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    inner: list[_Address] = [one for one in (address.ipv4_mapped, address.sixtofour) if one is not None]
    inner += address.teredo or ()
    if address in _NAT64 or address in _COMPATIBLE:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return inner


def is_named(host: str, port: int, allow: Sequence[str]) -> bool:
    """Say whether the user's list has a host: by its name, `*.example.com` for all below, `host:8080` for one port."""
    name = host.lower().rstrip(".")
    told = f"[{name}]" if ":" in name else name
    entries = [entry.lower().replace("[", "[[]") for entry in allow]  # brackets stand around an address of IPv6
    return any(fnmatchcase(one, entry) for entry in entries for one in (name, told, f"{told}:{port}"))


def is_named_itself(host: str, port: int, allow: Sequence[str]) -> bool:
    """The same by entries without a wildcard: below a name of the internet anybody may put a private address."""
    return is_named(host, port, [entry for entry in allow if not set(entry) & {"*", "?"}])
