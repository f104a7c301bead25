"""What the PostgreSQL store says to the server."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32

from reseen.gallery.entries import Entries, Entry
from reseen.gallery.stores.normalized_filter import NormalizedFilter

COLUMNS = "source, image, thumbnail, camera, time, tracklet, cluster"
_WIDEST_INDEX = 4_000
"""Numbers that a half-precision vector may have for pgvector to index it."""


def creation(table: str, dimension: int) -> list[str]:
    """Statements that make the two tables of a gallery."""
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


def graph(table: str, dimension: int) -> str | None:
    """The statement that makes the index of vectors; None where pgvector cannot index such long ones."""
    if dimension > _WIDEST_INDEX:
        return None
    return (
        f"CREATE INDEX IF NOT EXISTS {table}_vector ON {table} USING hnsw ({_half(dimension)} halfvec_ip_ops) "
        "WITH (m = 16, ef_construction = 100)"
    )


def insertion(table: str) -> str:
    """Keep the rows of `:rows`, a JSON list of what `to_row` gives; a known key is replaced."""
    names = ["key", *COLUMNS.split(", "), "vector"]
    replaced = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
    return (
        f"INSERT INTO {table} ({', '.join(names)}) SELECT key, source, image, decode(thumbnail, 'base64'), camera, "
        "time, tracklet, cluster, vector::vector FROM json_to_recordset(CAST(:rows AS json)) AS given(key uuid, source "
        "text, image text, thumbnail text, camera text, time double precision, tracklet bigint, cluster bigint, vector "
        f"text) ON CONFLICT (key) DO UPDATE SET {replaced}"
    )


def nearest(table: str, dimension: int, condition: str, graph_there: bool) -> str:
    """The `:top` rows nearest to `:vector`.

    Where the graph is there, it proposes `:candidates` rows by vectors in half precision, and full ones decide.
    """
    similarity = "-(vector <#> CAST(:vector AS vector))"
    if not graph_there:
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


def condition(found: NormalizedFilter) -> tuple[str, dict[str, Any]]:
    """The same conditions in SQL, with the values of its parameters."""
    said: list[str] = []
    values: dict[str, Any] = {}

    def must(text: str, name: str, value: Any) -> None:
        said.append(text)
        values[name] = value

    for name, allowed in (found.words | found.numbers).items():
        kind = "text" if name in found.words else "bigint"
        must(
            f"{name} IN (SELECT json_array_elements_text(CAST(:{name} AS json))::{kind})", name, list(allowed)
        )
    if found.keys is not None:
        must("key IN (SELECT json_array_elements_text(CAST(:keys AS json))::uuid)", "keys", found.keys)
    if found.not_cameras:
        unwanted = "SELECT json_array_elements_text(CAST(:not_cameras AS json))"
        must(f"(camera IS NULL OR camera NOT IN ({unwanted}))", "not_cameras", found.not_cameras)
    if found.after is not None:
        must("time >= CAST(:after AS double precision)", "after", found.after)
    if found.before is not None:
        must("time < CAST(:before AS double precision)", "before", found.before)
    return " AND ".join(said) or "true", values


def to_row(entry: Entry, vector: Float32[np.ndarray, " d"]) -> dict[str, Any]:
    """One entry for `insertion`."""
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
        "vector": to_text(vector),
    }


def from_row(row: Sequence[Any]) -> Entry:
    """The entry of a row of `COLUMNS`."""
    source, image, thumbnail, camera, time, tracklet, cluster = row[:7]
    return Entry(source, image, bytes(thumbnail), camera, time, tracklet, cluster)


def to_text(vector: Float32[np.ndarray, " d"]) -> str:
    """A vector as pgvector reads it; nine digits keep every float32."""
    return "[" + ",".join(f"{number:.9g}" for number in vector.tolist()) + "]"


def to_entries(rows: Sequence[Sequence[Any]]) -> Entries:
    """Entries of rows of `COLUMNS` and the vector as text."""
    vectors = np.array(
        [[float(number) for number in row[7][1:-1].split(",")] for row in rows], dtype=np.float32
    )
    return Entries([from_row(row) for row in rows], vectors)


def _half(dimension: int) -> str:
    return f"(vector::halfvec({dimension}))"
