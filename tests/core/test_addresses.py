"""Which addresses are public."""

from __future__ import annotations

import pytest

from shift_media.core.addresses import is_public, parse_address

PUBLIC = [
    "1.1.1.1", "93.184.216.34", "172.15.255.255", "172.32.0.0", "192.0.1.1", "2606:4700::1111",
    "2a00:1450:4001::1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1",
]  # fmt: skip
NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.9.9.9",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192",
    "192.168.1.1", "198.19.0.1", "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1",
    "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
    "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1",
    "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_address_of_a_host_on_the_internet_is_public(text: str) -> None:
    assert is_public(parse_address(text))


@pytest.mark.acceptance(76)
@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_special_address_is_not_public_in_any_spelling(text: str) -> None:
    assert not is_public(parse_address(text))
