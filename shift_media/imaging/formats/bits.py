"""Bits of the headers of video codecs, read most significant first."""

from __future__ import annotations

from shift_media.core.errors import Undecodable

_MAX_ZEROS = 32


class Bits:
    """The bits of a header, read one number after the other."""

    def __init__(self, content: bytes, name: str) -> None:
        self._value = int.from_bytes(content, "big")
        self._left = 8 * len(content)
        self._name = name

    def take(self, count: int) -> int:
        """Read an unsigned number of ``count`` bits; raise `Undecodable` if the header ends."""
        self._left -= count
        if self._left < 0:
            raise Undecodable(f"The {self._name} is too short.")
        return self._value >> self._left & (1 << count) - 1

    def take_golomb(self) -> int:
        """Read a number in Exp-Golomb code, ``ue(v)`` (H.265, 9.2)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > _MAX_ZEROS:
                raise Undecodable(f"The {self._name} has a number of more than 32 bits.")
        return (1 << zeros) - 1 + self.take(zeros)
