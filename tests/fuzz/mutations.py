"""Random changes of files and texts, repeatable by the seed of their source of chance."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.fuzz.structures import Piece, Structure, structure_of

MOST_BYTES = 1 << 16
"""No input is longer: what a header says, and not its length, is what a parser trips over."""

_NUMBERS = (0, 1, 2, 7, 8, 127, 128, 255, 256, 257, 0x7FFF, 0x8000, 0xFFFF, 65_536, 0x7FFFFFFF,
            0x80000000, 0xFFFFFFFF, 0x100000000, 2**63, 2**64 - 1)  # fmt: skip
_DEEPEST = 4


class Mutator:
    """Changes of inputs.

    Args:
        chance: where all decisions come from.
        tokens: words that mean something to the parser.
        structure: that of all inputs; by default it is found by their first bytes.
    """

    def __init__(
        self,
        chance: random.Random,
        tokens: Sequence[bytes] = (),
        structure: Structure | None = None,
    ) -> None:
        self._chance = chance
        self._tokens = tokens
        self._structure = structure
        self._of_bytes: list[Callable[[bytes], bytes]] = [
            self._flip_bit, self._set_byte, self._set_number, self._remove, self._repeat,
            self._insert, self._cut, self._move,
        ]  # fmt: skip
        if tokens:
            self._of_bytes += [self._insert_token, self._insert_token]

    def mutate(self, content: bytes, others: Sequence[bytes]) -> bytes:
        """Return a changed input; ``others`` are inputs that parts may come from."""
        for _ in range(self._chance.choice((1, 1, 1, 2, 3, 6))):
            structure = self._structure or structure_of(content)
            if structure is not None and self._chance.random() < 0.75:
                content = self._mutate_structure(structure, content, others, _DEEPEST)
            else:
                content = self._mutate_bytes(content)
        return content[:MOST_BYTES]

    def _mutate_structure(
        self, structure: Structure, content: bytes, others: Sequence[bytes], depth: int
    ) -> bytes:
        pieces = structure.split(content)
        if not pieces:
            return self._mutate_bytes(content)
        at = self._chance.randrange(len(pieces))
        piece = pieces[at]
        inner = structure.inner(piece) if depth else None
        if inner is not None and self._chance.random() < 0.7:
            within, prefix, rest = inner
            rest = self._mutate_structure(within, rest, others, depth - 1)
            pieces[at] = piece.with_content(prefix + rest)
            return structure.join(pieces)
        match self._chance.randrange(10):
            case 0:
                del pieces[at]
            case 1:
                pieces.insert(self._chance.randrange(len(pieces) + 1), piece)
            case 2:
                other = self._chance.randrange(len(pieces))
                pieces[at], pieces[other] = pieces[other], piece
            case 3:
                pieces.insert(at, self._piece_of_another(structure, others))
            case 4 if structure.types and piece.type:
                pieces[at] = replace(piece, type=self._chance.choice(structure.types))
            case 5:
                pieces[at] = replace(piece, wrong_by=self._chance.choice((-1, 1, 2, -9, 999)))
            case _:
                pieces[at] = piece.with_content(self._mutate_bytes(piece.content))
        return structure.join(pieces)

    def _piece_of_another(self, structure: Structure, others: Sequence[bytes]) -> Piece:
        pieces = structure.split(self._chance.choice(others)) if others else []
        return self._chance.choice(pieces) if pieces else Piece(b"", self._bytes())

    # Of bytes.

    def _mutate_bytes(self, content: bytes) -> bytes:
        if not content:
            return self._bytes()
        return self._chance.choice(self._of_bytes)(content)

    def _bytes(self) -> bytes:
        return self._chance.randbytes(self._chance.choice((1, 2, 4, 8, 33)))

    def _at(self, content: bytes) -> int:
        """Return a position, more often one near the beginning, where headers are."""
        if self._chance.random() < 0.5:
            return self._chance.randrange(min(len(content), 64))
        return self._chance.randrange(len(content))

    def _span(self, content: bytes) -> tuple[int, int]:
        at = self._at(content)
        return at, min(len(content), at + self._chance.choice((1, 2, 3, 4, 8, 16, 64, 512)))

    def _flip_bit(self, content: bytes) -> bytes:
        at = self._at(content)
        flipped = content[at] ^ 1 << self._chance.randrange(8)
        return content[:at] + bytes((flipped,)) + content[at + 1 :]

    def _set_byte(self, content: bytes) -> bytes:
        at = self._at(content)
        value = self._chance.choice((0, 1, 127, 128, 255, self._chance.randrange(256)))
        return content[:at] + bytes((value,)) + content[at + 1 :]

    def _set_number(self, content: bytes) -> bytes:
        at, size = self._at(content), self._chance.choice((1, 2, 3, 4, 8))
        value = self._chance.choice(_NUMBERS) + self._chance.choice((0, 0, 0, -1, 1))
        order = self._chance.choice(("big", "little"))
        written = (value % (1 << 8 * size)).to_bytes(size, order)  # type: ignore[arg-type]
        return content[:at] + written + content[at + size :]

    def _remove(self, content: bytes) -> bytes:
        start, end = self._span(content)
        return content[:start] + content[end:]

    def _repeat(self, content: bytes) -> bytes:
        start, end = self._span(content)
        times = self._chance.choice((2, 2, 3, 9, 100))
        return content[:start] + content[start:end] * times + content[end:]

    def _insert(self, content: bytes) -> bytes:
        at = self._at(content)
        return content[:at] + self._bytes() + content[at:]

    def _insert_token(self, content: bytes) -> bytes:
        start, end = self._span(content)
        end = self._chance.choice((start, end))
        return content[:start] + self._chance.choice(self._tokens) + content[end:]

    def _cut(self, content: bytes) -> bytes:
        return content[: self._at(content)]

    def _move(self, content: bytes) -> bytes:
        start, end = self._span(content)
        at = self._at(content)
        return content[:at] + content[start:end] + content[at + end - start :]
