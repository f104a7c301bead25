"""SQL statements of the PostgreSQL store, and conversion between rows and entries."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from jaxtyping import Float32

from reseen.gallery.entries import Entries, Entry
from reseen.gallery.stores.normalized_filter import NormalizedFilter

COLUMNS = "source, image, thumbnail, camera, time, tracklet, cluster"
_MAX_INDEX_DIMENSION = 4_000
"""Largest dimension of half-precision vectors that pgvector can index."""


def create_tables(table: str, dimension: int) -> list[str]:
    """Statements that create the two tables of a gallery and their indexes."""
    return [
        f"CREATE TABLE {table}_model (model text NOT NULL)",
        f"CREATE TABLE {table} (key uuid PRIMARY KEY, source text NOT NULL, image text NOT NULL, thumbnail bytea NOT "
        "NULL, camera text, time double precision, tracklet bigint, cluster bigint, "
        f"vector vector({dimension}) NOT NULL)",
        f"CREATE INDEX {table}_time ON {table} (time)",
        f"CREATE INDEX {table}_camera ON {table} (camera, time)",
        f"CREATE INDEX {table}_cluster ON {table} (cluster)",
        f"CREATE INDEX {table}_image ON {table} USING hash (image)",
        f"CREATE INDEX {table}_source ON {table} USING hash (source)",
    ]


def create_index(table: str, dimension: int) -> str | None:
    """Statement that creates the HNSW index; None if the dimension is too large for pgvector."""
    if dimension > _MAX_INDEX_DIMENSION:
        return None
    return (
        f"CREATE INDEX IF NOT EXISTS {table}_vector ON {table} USING hnsw ({_half(dimension)} halfvec_ip_ops) "
        "WITH (m = 16, ef_construction = 100)"
    )


def upsert(table: str) -> str:
    """Statement that inserts or, by key, replaces `:rows`, a JSON list of `to_row`."""
    replaced = ", ".join(f"{name} = excluded.{name}" for name in _NAMES[1:])
    insert = f"INSERT INTO {table} ({', '.join(_NAMES)}) SELECT * FROM {_GIVEN} AS rows"
    return f"{insert} ON CONFLICT (key) DO UPDATE SET {replaced}"


def update(table: str) -> str:
    """Statement that replaces those of `:rows` whose key is in the table."""
    replaced = ", ".join(f"{name} = rows.{name}" for name in _NAMES[1:])
    return f"UPDATE {table} AS old SET {replaced} FROM {_GIVEN} AS rows WHERE old.key = rows.key"


_NAMES = ("key", *COLUMNS.split(", "), "vector")
_GIVEN = (
    "(SELECT key, source, image, decode(thumbnail, 'base64') AS thumbnail, camera, time, tracklet, cluster, "
    "vector::vector AS vector FROM json_to_recordset(CAST(:rows AS json)) AS given(key uuid, source text, image text, "
    "thumbnail text, camera text, time double precision, tracklet bigint, cluster bigint, vector text))"
)
"""The rows of `:rows`, a JSON list of `to_row`, in their order."""


def nearest(table: str, dimension: int, condition: str, index_exists: bool) -> str:
    """Statement that selects the `:top` rows nearest to `:vector`.

    If there is an index, it returns `:candidates` rows by half-precision vectors, which are rescored in full precision.
    """
    similarity = "-(vector <#> CAST(:vector AS vector))"
    if not index_exists:
        return (
            f"SELECT {COLUMNS}, {similarity} AS similarity FROM {table} WHERE {condition} "
            "ORDER BY similarity DESC LIMIT :top"
        )
    half = _half(dimension)
    return (
        f"WITH near AS MATERIALIZED (SELECT {COLUMNS}, vector FROM {table} WHERE {condition} "
        f"ORDER BY {half} <#> CAST(:vector AS halfvec({dimension})) LIMIT :candidates) "
        f"SELECT {COLUMNS}, {similarity} AS similarity FROM near ORDER BY similarity DESC LIMIT :top"
    )


def condition(normalized: NormalizedFilter) -> tuple[str, dict[str, Any]]:
    """A filter as an SQL condition with named parameters, and their values, lists as JSON."""
    conditions: list[str] = []
    values: dict[str, Any] = {}

    def add(text: str, name: str, value: Any) -> None:
        conditions.append(text)
        values[name] = value

    for name, allowed in (normalized.texts | normalized.numbers).items():
        kind = "text" if name in normalized.texts else "bigint"
        add(
            f"{name} IN (SELECT json_array_elements_text(CAST(:{name} AS json))::{kind})", name, list(allowed)
        )
    if normalized.keys is not None:
        add("key IN (SELECT json_array_elements_text(CAST(:keys AS json))::uuid)", "keys", normalized.keys)
    if normalized.not_cameras:
        excluded_cameras = "SELECT json_array_elements_text(CAST(:not_cameras AS json))"
        add(f"(camera IS NULL OR camera NOT IN ({excluded_cameras}))", "not_cameras", normalized.not_cameras)
    if normalized.after is not None:
        add("time >= CAST(:after AS double precision)", "after", normalized.after)
    if normalized.before is not None:
        add("time < CAST(:before AS double precision)", "before", normalized.before)
    parameters = {
        name: json.dumps(value) if isinstance(value, list) else value for name, value in values.items()
    }
    return " AND ".join(conditions) or "true", parameters


def to_row(entry: Entry, vector: Float32[np.ndarray, " d"]) -> dict[str, Any]:
    """One entry as a JSON row for `upsert`."""
    import base64

    return {
        "key": entry.key,
        "source": entry.source,
        "image": entry.image,
        "thumbnail": base64.b64encode(entry.thumbnail).decode("ascii"),
        "camera": entry.camera,
        "time": entry.time,
        "tracklet": entry.tracklet,
        "cluster": entry.cluster,
        "vector": vector_to_text(vector),
    }


def from_row(row: Sequence[Any]) -> Entry:
    """The entry of a result row that begins with `COLUMNS`."""
    source, image, thumbnail, camera, time, tracklet, cluster = row[:7]
    return Entry(source, image, bytes(thumbnail), camera, time, tracklet, cluster)


def vector_to_text(vector: Float32[np.ndarray, " d"]) -> str:
    """A vector in pgvector's text format; nine significant digits preserve float32 exactly."""
    return "[" + ",".join(f"{number:.9g}" for number in vector.tolist()) + "]"


def to_entries(rows: Sequence[Sequence[Any]]) -> Entries:
    """Entries of result rows of `COLUMNS` and the vector as text."""
    vectors = np.array(
        [[float(number) for number in row[7][1:-1].split(",")] for row in rows], dtype=np.float32
    )
    return Entries([from_row(row) for row in rows], vectors)


def _half(dimension: int) -> str:
    return f"(vector::halfvec({dimension}))"


_LOCKED = "hashtext('reseen')"
"""Number of the lock that a process holds while it creates tables or an index."""


@contextmanager
def alone(run: Any) -> Iterator[None]:
    """Hold the lock of the database.

    It is not one of a transaction: what a connection knows of tables is renewed where a transaction begins, which must
    be after it has waited.
    """
    run(f"SELECT pg_advisory_lock({_LOCKED})")
    try:
        yield
    finally:
        with suppress(Exception):  # a failed transaction, or a dead connection, which gives the lock back
            run("ROLLBACK")
        run(f"SELECT pg_advisory_unlock({_LOCKED})")
