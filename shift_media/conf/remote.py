"""The settings of `shift_media.remote`, which fetches files from other servers."""

from __future__ import annotations

from functools import cached_property

from shift_media.conf.reader import SettingsReader, wrong_value
from shift_media.core.addresses import Network, parse_network


class RemoteSettings(SettingsReader):
    """The part of `Settings` that `from_url` reads."""

    @cached_property
    def REMOTE_BYTES(self) -> int:
        """The most bytes that ``from_url`` fetches. Default: 100 million."""
        return self._positive("REMOTE_BYTES", 100_000_000)

    @cached_property
    def REMOTE_SECONDS(self) -> int:
        """The most seconds that ``from_url`` takes, redirects included. Default: 30."""
        return self._positive("REMOTE_SECONDS", 30)

    @cached_property
    def REMOTE_PORTS(self) -> tuple[int, ...]:
        """The ports to which ``from_url`` connects. Default: ``[80, 443]``."""
        ports = self._raw.get("REMOTE_PORTS", [80, 443])
        if not isinstance(ports, list | tuple) or not all(map(_is_port, ports)):
            raise wrong_value("REMOTE_PORTS", ports, "a list of ports, such as [80, 443]")
        return tuple(ports)

    @cached_property
    def REMOTE_NETWORKS(self) -> tuple[Network, ...]:
        """Networks that are not public and from which ``from_url`` may fetch. Default: none.

        ``["10.1.2.0/24"]``: the site's own picture server, for example. Users who choose URLs can
        then make the site send requests to each host in these networks.
        """
        expected = 'a list of networks, such as ["10.1.2.0/24"]'
        given = self._raw.get("REMOTE_NETWORKS", ())
        if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
            raise wrong_value("REMOTE_NETWORKS", given, expected)
        try:
            return tuple(parse_network(text) for text in given)
        except ValueError as error:
            raise wrong_value("REMOTE_NETWORKS", given, expected) from error


def _is_port(value: object) -> bool:
    return type(value) is int and 0 < value < 1 << 16
