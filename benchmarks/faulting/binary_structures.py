"""Mutations of tables, arrays and archives: values of other types and sizes, headers that declare what is not there."""

import io
import json
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.faulting.structures import VALUES, changed_text


def of_parquet(seed: bytes, generator: random.Random) -> bytes:
    """Columns of other types and sizes, missing, twice or under other names; rows none or many; other metadata."""
    table = pq.read_table(io.BytesIO(seed))
    for _ in range(generator.choice((1, 1, 2))):
        table = _other_table(table, generator) if table.num_rows < 10_000 else table
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


def of_npy(seed: bytes, generator: random.Random) -> bytes:
    """An array of another kind, or a header that says something else of the same bytes."""
    array = np.load(io.BytesIO(seed), allow_pickle=False)
    return _array(array, generator)


def of_npz(seed: bytes, generator: random.Random) -> bytes:
    """An archive in which one array is another, is missing, or is there twice."""
    with zipfile.ZipFile(io.BytesIO(seed)) as archive:
        parts = [(name, archive.read(name)) for name in archive.namelist()]
    place = generator.randrange(len(parts))
    name, content = parts[place]
    change = generator.random()
    if change < 0.85:
        parts[place] = name, of_npy(content, generator)
    elif change < 0.9:
        parts.append((name, content))
    elif change < 0.95:
        del parts[place]
    else:
        parts[place] = generator.choice(("../features.npy", "features", "", "a" * 300)), content
    stream = io.BytesIO()
    with zipfile.ZipFile(
        stream, "w", generator.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    ) as archive:
        for name, content in parts:
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


def of_tar(seed: bytes, generator: random.Random) -> bytes:
    """Extended headers with sizes that are negative, huge or sparse, other kinds of members, other JSON."""
    stream, made = io.BytesIO(), io.BytesIO()
    stream.write(seed)
    stream.seek(0)
    with (
        tarfile.open(fileobj=stream) as old,
        tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        members = old.getmembers()
        chosen = generator.randrange(len(members))
        for place, member in enumerate(members):
            content = old.extractfile(member)
            held = content.read() if content else b""
            if place == chosen:
                held = _member(member, held, generator)
            new.addfile(member, io.BytesIO(held))
    return made.getvalue()


def _member(member: tarfile.TarInfo, content: bytes, generator: random.Random) -> bytes:
    number = generator.choice(
        ("-512", "-1", "0", "1e9", str(10**12), "9" * 4000, "x", "", str(2**63), "-" + "9" * 20)
    )
    change = generator.randrange(6)
    if change == 0:
        member.pax_headers = {"size": number}
    elif change == 1:
        member.pax_headers = {
            "GNU.sparse.major": generator.choice(("1", "0", number)), "GNU.sparse.minor": generator.choice(("0", "1")),
            "GNU.sparse.name": "a.jpg", "GNU.sparse.realsize": number, "GNU.sparse.size": number,
            "GNU.sparse.map": generator.choice(("0,1", number, "0,1,2", ",".join([number] * 9))),
            "GNU.sparse.numblocks": number,
        }  # fmt: skip
    elif change == 2:
        member.pax_headers = {
            "path": generator.choice(
                ("", "a" * 20_000, "a\x1b[31m.jpg", "a\nb.jpg", "/etc/passwd", "../a.jpg")
            )
        }
    elif change == 3:
        member.type = generator.choice(
            (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.GNUTYPE_SPARSE, b"?")
        )
        member.linkname = "a" * 90
    elif change == 4:
        member.pax_headers = {generator.choice(("mtime", "uid", "hdrcharset", "atime")): number}
    elif member.name.endswith(".json"):
        content = changed_text(json.loads(content), generator)
        member.size = len(content)
    return content


def _other_table(table: pa.Table, generator: random.Random) -> pa.Table:
    change = generator.random()
    if change < 0.08:
        return table.slice(0, 0)
    if change < 0.14:
        return pa.table(
            {name: pa.DictionaryArray.from_arrays(pa.array(np.zeros(300_000, np.int8)), ["x"])
             for name in table.column_names}
        )  # fmt: skip
    if change < 0.25:
        said = generator.choice(VALUES)
        return table.replace_schema_metadata(
            {generator.choice(("reseen", "pandas", "round")): said[:300_000]}
        )
    place = generator.randrange(table.num_columns)
    name, rows = table.column_names[place], table.num_rows
    if change < 0.32:
        return table.remove_column(place) if table.num_columns > 1 else table
    if change < 0.38:
        return table.append_column(generator.choice((name, "extra", "", "identity")), table.column(place))
    if change < 0.44:
        return table.rename_columns(
            [generator.choice(("path", "vector", "\x1b[31m", "time")), *table.column_names[1:]]
        )
    return table.set_column(place, name, _column(rows, generator))


def _column(rows: int, generator: random.Random) -> pa.Array:
    big = 10**13
    kinds: list[Callable[[], pa.Array]] = [
        lambda: pa.nulls(rows),
        lambda: pa.array([True] * rows),
        lambda: pa.array([2**63 - 1] * rows),
        lambda: pa.array([-(2**63)] * rows),
        lambda: pa.array([2**64 - 1] * rows, pa.uint64()),
        lambda: pa.array([float("nan")] * rows),
        lambda: pa.array([float("inf")] * rows),
        lambda: pa.array(["a" * 100_000] * rows),
        lambda: pa.array([None, *["a"] * max(0, rows - 1)][:rows], pa.string()),
        lambda: pa.array([b"\xff\x00"] * rows),
        lambda: pa.array(["9" * 4000] * rows),
        lambda: pa.array(["a\x00b"] * rows),
        lambda: pa.array(["\x1b[31m\n=1+1"] * rows),
        lambda: pa.array([[]] * rows, pa.list_(pa.float32())),
        lambda: pa.array([[1.0]] * rows),
        lambda: pa.array([[float("nan")] * 8] * rows),
        lambda: pa.array([[0.0] * 8] * rows),
        lambda: pa.array([list(range(number % 3)) for number in range(rows)], pa.list_(pa.int64())),
        lambda: pa.array([[[1.0]]] * rows),
        lambda: pa.array([["a"]] * rows),
        lambda: pa.array([{"a": 1}] * rows),
        lambda: pa.array([[0.5] * 50_000] * rows, pa.list_(pa.float32())),
        lambda: pa.array([big] * rows).cast(pa.timestamp("us")),
        lambda: pa.array([10] * rows).cast(pa.decimal128(38, 10)),
        lambda: pa.array([1] * rows, pa.duration("s")),
        lambda: pa.array([1.5] * rows, pa.float16()),
        lambda: pa.array(["train"] * rows).dictionary_encode(),
        lambda: pa.array([-1] * rows),
        lambda: pa.array([0.5] * rows),
    ]
    return generator.choice(kinds)()


def _array(array: np.ndarray, generator: random.Random) -> bytes:
    stream = io.BytesIO()
    if generator.random() < 0.5:
        np.save(stream, _other_array(array, generator), allow_pickle=False)
        return stream.getvalue()
    shape = generator.choice((
        "(-1, 8)", "(10**12, 8)", f"({10**12}, 8)", f"({2**62}, {2**62})", "(4,)", "()", "(4, 8, 1)", "(1.5, 2)",
        "None", "'a'", "(" * 300 + ")" * 300, "(True, 8)", f"({'9' * 4000}, 1)", "(0, 8)", "(4, 0)", "[4, 8]", "(4, 8)",
    ))  # fmt: skip
    kind = generator.choice((
        "'<f4'", "'|O'", "'<U1000000000'", "'<f99'", "'|V0'", "[('a', '<f4')]", "'<M8[ns]'", "None", "1", "'>f8'",
        "'<c16'", "[" * 100 + "]" * 100, "'|b1'", "'<i8'", "'<f2'",
    ))  # fmt: skip
    order = generator.choice(("False", "True", "2", "None"))
    header = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}"
    if generator.random() < 0.1:
        header = generator.choice(("", "{" * 500, "{}", "[1]", "{'descr': '<f4'}", "a" * 9000, "(" * 9000))
    version = generator.choice((b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x09"))
    content = header.encode("latin1")
    length = struct.pack("<H" if version[0] == 1 else "<I", min(len(content), 65_535))
    return b"\x93NUMPY" + version + length + content + array.tobytes()


def _other_array(array: np.ndarray, generator: random.Random) -> np.ndarray:
    rows = array.shape[0] if array.ndim else 1
    made: list[Callable[[], np.ndarray]] = [
        lambda: np.float32(1), lambda: np.zeros((0, 8), np.float32), lambda: array[:-1], lambda: array[..., None],
        lambda: np.full(array.shape, np.nan), lambda: np.full(array.shape, np.inf), lambda: np.zeros(array.shape),
        lambda: np.zeros(array.shape, np.complex64), lambda: np.ones(array.shape, bool),
        lambda: np.full(array.shape, 2**63 - 1), lambda: np.full(array.shape, -(2**63)),
        lambda: np.full(array.shape, 2**64 - 1, np.uint64), lambda: np.full(array.shape, 1e300),
        lambda: np.full(rows, "a" * 1000), lambda: np.full(rows, "\ud800"), lambda: np.full(rows, b"\xff"),
        lambda: np.zeros(rows, "M8[s]"), lambda: np.zeros(rows, [("a", "<f4")]), lambda: np.full(rows, "9" * 4000),
        lambda: np.ones(array.shape, np.float16), lambda: np.ones(array.shape, ">f8"), lambda: np.zeros(500_000),
        lambda: np.arange(rows), lambda: np.full(rows, "\x1b[31m\n"), lambda: np.ones((rows, 50_000), np.float32),
    ]  # fmt: skip
    return np.asarray(generator.choice(made)())
