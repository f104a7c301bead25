"""Mutations of a file's bytes: the same number gives the same mutation."""

import random
import struct

_NUMBERS = (0, 1, -1, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1)
_TOKENS = (
    b"[" * 3000, b"{a: " * 800, b"&a [*a, *a]", b"*a", b"!!python/object/apply:os.system [exit]", b"1e999", b"-.inf",
    b".nan", b"9" * 5000, b"\x00", b"\xff\xfe", "\u202e\U0001f600".encode(), b"2024-13-45", b"null", b"!!binary x",
    b"../../etc/passwd", b'"', b"'", b",", b"\n", b"\r", b": ", b"? {}: 1\n", b"<<: [1]\n", b"0x1F", b"1_0:99",
)  # fmt: skip


def mutate(seed: bytes, others: list[bytes], number: int) -> bytes:
    """One to four random changes of `seed`; `others` lend their parts."""
    generator = random.Random(number)
    content = bytearray(seed)
    for _ in range(generator.choice((1, 1, 2, 4))):
        generator.choice(_CHANGES)(content, generator, others)
    return bytes(content)


def _place(content: bytearray, generator: random.Random) -> int:
    """Anywhere, but half of the time in the first or last kilobyte, where formats keep what they say of themselves."""
    size = len(content)
    where = generator.random()
    if where < 0.35:
        return generator.randrange(min(size, 1024) + 1)
    if where < 0.5:
        return max(0, size - generator.randrange(min(size, 1024) + 1))
    return generator.randrange(size + 1)


def _span(content: bytearray, generator: random.Random) -> slice:
    start = _place(content, generator)
    return slice(start, start + generator.choice((1, 2, 4, 16, 100, 2000)))


def _flip_bits(content: bytearray, generator: random.Random, _others: list[bytes]) -> None:
    for _ in range(generator.choice((1, 1, 3, 30))):
        place = _place(content, generator)
        if place < len(content):
            content[place] ^= 1 << generator.randrange(8)


def _number(content: bytearray, generator: random.Random, _others: list[bytes]) -> None:
    size, kind = generator.choice(((1, "B"), (2, "H"), (4, "I"), (8, "Q")))
    order = generator.choice("<>")
    value = generator.choice(_NUMBERS) % 2 ** (8 * size)
    start = _place(content, generator)
    content[start : start + size] = struct.pack(order + kind, value)


def _remove(content: bytearray, generator: random.Random, _others: list[bytes]) -> None:
    del content[_span(content, generator)]


def _repeat(content: bytearray, generator: random.Random, _others: list[bytes]) -> None:
    part = content[_span(content, generator)]
    start = _place(content, generator)
    content[start:start] = part * generator.choice((1, 2, 50))


def _noise(content: bytearray, generator: random.Random, _others: list[bytes]) -> None:
    span = _span(content, generator)
    content[span] = generator.randbytes(span.stop - span.start)


def _token(content: bytearray, generator: random.Random, _others: list[bytes]) -> None:
    start = _place(content, generator)
    content[start:start] = generator.choice(_TOKENS)


def _zero(content: bytearray, generator: random.Random, _others: list[bytes]) -> None:
    span = _span(content, generator)
    content[span] = bytes(span.stop - span.start)


def _cut(content: bytearray, generator: random.Random, _others: list[bytes]) -> None:
    del content[_place(content, generator) :]


def _splice(content: bytearray, generator: random.Random, others: list[bytes]) -> None:
    other = bytearray(generator.choice(others))
    content[_span(content, generator)] = other[_span(other, generator)]


_CHANGES = (_flip_bits, _flip_bits, _number, _number, _remove, _repeat, _noise, _token, _zero, _cut, _splice)
