"""Mutations of what a text means, not of its bytes: a value of another type, size, depth or range, well written.

The same number gives the same mutation. Text that no library writes, such as numbers of four thousand digits and half
surrogates, is put in the place of a mark after the rest was written.
"""

import json
import random
import struct
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import yaml

Restructure = Callable[[bytes, random.Random], bytes]

_MARK = "@hostile@"
VALUES = (
    "null", "true", "false", "0", "-1", "-0.0", "0.5", "1e999", "-1e999", "NaN", "-Infinity", str(2**31), str(2**63),
    str(-(2**63)), str(2**64), "1e308", "9" * 4000, "-" + "9" * 30, '""', '"0"', '"nan"', '"a"',
    '"' + "a" * 100_000 + '"', r'"\ud800"', r'"\u0000"', r'"\u001b[31mred"', r'"\n\r\t"', r'"..\/..\/etc\/passwd"',
    '"2026-13-45"', '"=1+1"', "[]", "{}",
    "[null]", "[[]]", '{"a": 1}', '{"": null}', "[" * 200_000 + "]" * 200_000, '{"a":' * 200 + "1" + "}" * 200,
    "[" + "0," * 20_000 + "0]", '["a", "a"]', "[1, 2, 3]", "[0.5, NaN]", '"/dev/zero"',
)  # fmt: skip
"""JSON texts to put in the place of a value."""


def of_json(seed: bytes, generator: random.Random) -> bytes:
    """One to three values of a JSON text replaced, removed, doubled or put where another was."""
    return changed_text(json.loads(seed), generator)


def of_json_lines(seed: bytes, generator: random.Random) -> bytes:
    """As `of_json` for one line, which may come twice or go."""
    lines = seed.splitlines()
    place = generator.randrange(len(lines))
    change = generator.random()
    if change < 0.1:
        lines.insert(place, lines[place])
    elif change < 0.15:
        del lines[place]
    else:
        lines[place] = changed_text(json.loads(lines[place]), generator)
    return b"".join(line + b"\n" for line in lines)


def of_yaml(seed: bytes, generator: random.Random) -> bytes:
    """As `of_json`: nearly all JSON is YAML."""
    return changed_text(yaml.safe_load(seed), generator)


def of_csv(seed: bytes, generator: random.Random) -> bytes:
    """Cells replaced, rows longer and shorter than the first, columns twice."""
    rows = [line.split(",") for line in seed.decode().splitlines()]
    for _ in range(generator.choice((1, 1, 3))):
        row = generator.choice(rows)
        place = generator.randrange(len(row))
        value = generator.choice(VALUES).strip('"').replace("\\u001b", "\x1b").replace("\\ud800", "\ufffd")
        change = generator.random()
        if change < 0.6:
            row[place] = value[:200_000]
        elif change < 0.7:
            row.append(value[:50])
        elif change < 0.8 and len(row) > 1:
            del row[place]
        elif change < 0.9:
            row[place] = generator.choice(generator.choice(rows))
        else:
            rows.append(list(row))
    return "".join(",".join(row) + "\n" for row in rows).encode("utf-8", "replace")


def of_xml(seed: bytes, generator: random.Random) -> bytes:
    """Attributes and texts replaced, elements twice, removed or put into one another."""
    top = ElementTree.fromstring(seed)
    for _ in range(generator.choice((1, 1, 3))):
        elements = list(top.iter())
        element = generator.choice(elements)
        value = generator.choice(VALUES).strip('"')[:200_000]
        change = generator.random()
        if change < 0.5 and element.attrib:
            element.set(generator.choice(list(element.attrib)), value)
        elif change < 0.6 and element.attrib:
            del element.attrib[generator.choice(list(element.attrib))]
        elif change < 0.7:
            element.text = value
        elif change < 0.8:
            element.tag = generator.choice(elements).tag
        elif change < 0.9 and len(element):
            element.append(element[generator.randrange(len(element))])
        elif len(element):
            element.remove(generator.choice(list(element)))
    return ElementTree.tostring(top, "utf-8")


def of_safetensors(seed: bytes, generator: random.Random) -> bytes:
    """The header changed as JSON, its length said as it is."""
    length = struct.unpack("<Q", seed[:8])[0]
    header = changed_text(json.loads(seed[8 : 8 + length]), generator)
    return struct.pack("<Q", len(header)) + header + seed[8 + length :]


def changed_text(value: Any, generator: random.Random) -> bytes:
    """A JSON text in which some values are others."""
    hostile = []
    for _ in range(generator.choice((1, 1, 1, 3))):
        value, token = _changed(value, generator, len(hostile))
        hostile.append(token)
    text = json.dumps(value)
    for place, token in enumerate(hostile):
        text = text.replace(f'"{_MARK}{place}"', token)
    return text.encode()


def _changed(value: Any, generator: random.Random, number: int) -> tuple[Any, str]:
    """A tree with a mark somewhere, and what is to be written for it."""
    places = list(_places(value))
    token, mark = generator.choice(VALUES), f"{_MARK}{number}"
    if not places or generator.random() < 0.03:
        return mark, token
    holder, key = generator.choice(places)
    change = generator.random()
    if change < 0.7:
        holder[key] = mark
    elif change < 0.8:
        del holder[key]
    elif change < 0.9:
        other, place = generator.choice(places)
        with_copy = json.loads(json.dumps(other[place] if _has(other, place) else None))
        holder[key] = with_copy
    elif isinstance(holder, dict):
        holder[generator.choice(("", "extra", "a" * 1000, "\x1b[31m"))] = mark
    else:
        holder.extend([mark] * generator.choice((1, 100)))
    return value, token


def _has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


def _places(value: Any) -> Any:
    """Every place below: what holds it and its key."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list):
            for key in list(one) if isinstance(one, dict) else range(len(one)):
                yield one, key
                waiting.append(one[key])
