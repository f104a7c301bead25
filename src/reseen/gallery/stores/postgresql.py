"""A gallery in PostgreSQL with pgvector: for several processes and hosts at once, and with transactions.

Several threads may use one open store; they take turns on its connection.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32

from reseen.errors import GalleryError, StorageError
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.closing import Closing
from reseen.gallery.entries import Entries, Hit
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.store import Description, direction_of
from reseen.gallery.stores import postgresql_statements as say
from reseen.gallery.stores.address import read_address
from reseen.gallery.stores.checks import check_entries, in_parts, refuse_other_model
from reseen.gallery.stores.normalized_filter import normalize_filter

if TYPE_CHECKING:
    from pg8000.native import Connection

FORM = "postgresql://user:password@host:5432/database?table=reseen"
_TABLE = re.compile(r"[a-z_][a-z0-9_]{0,40}")
_AT_ONCE = 1_000
_GRAPH_FROM = 50_000
"""Entries from which on vectors are indexed; fewer are compared one by one."""
_SEARCH_CANDIDATES = 200
_FULL_DISK = ("53100", "53200")


class PostgresqlStore(Closing):
    """A gallery in two tables, by default `reseen` and `reseen_model`.

    Raises:
        GalleryError: the server cannot be reached or refuses; it has no pgvector; there is no gallery and none is to be
            made; another model made it; pg8000 is not installed.
        StorageError: the server's disk is full.
    """

    def __init__(self, address: str, model: ModelIdentity | None = None, create: bool = False) -> None:
        self._parts = read_address(address, FORM, ("table", "host"))
        self._address = self._parts.shown()
        self._table = self._parts.options.get("table", "reseen")
        if not _TABLE.fullmatch(self._table):
            raise GalleryError(
                f"{self._address}: a table's name must be of small letters, digits and _, at most 41, and begin with "
                "a letter"
            )
        self._turn = threading.RLock()
        self._connection: Connection | None = self._connect()
        try:
            self._model = self._make_or_find(model, create)
            refuse_other_model(self._address, self._model, model)
            with self._talking() as run:
                run(f"SET hnsw.ef_search = {_SEARCH_CANDIDATES}")
                run("SET hnsw.iterative_scan = relaxed_order")
        except BaseException:
            self.close()
            raise

    def _connect(self) -> "Connection":
        try:
            from pg8000.native import Connection
        except ImportError:
            raise GalleryError(
                "a gallery in PostgreSQL needs the package pg8000; install it with pip install 'reseen[postgresql]'"
            ) from None
        where = self._parts
        folder = where.options.get("host")
        socket = f"{folder}/.s.PGSQL.{where.port or 5432}" if folder else None
        with self._server_errors():
            return Connection(
                where.user or "postgres",
                host=where.host or "localhost",
                database=where.name,
                port=where.port or 5432,
                password=where.password,
                unix_sock=socket,
                application_name="reseen",
            )

    def _make_or_find(self, model: ModelIdentity | None, create: bool) -> ModelIdentity:
        with self._talking() as run:
            there = run("SELECT to_regclass(:name) IS NOT NULL", name=f"{self._table}_model")[0][0]
            if not there:
                if not create or model is None:
                    raise GalleryError(f"{self._address}: there is no gallery; make one with `reseen index`")
                run("BEGIN")
                run("SELECT pg_advisory_xact_lock(hashtext(:name))", name=self._table)
                if not run("SELECT to_regclass(:name) IS NOT NULL", name=f"{self._table}_model")[0][0]:
                    run("CREATE EXTENSION IF NOT EXISTS vector")
                    for statement in say.creation(self._table, model.dimension):
                        run(statement)
                    run(f"INSERT INTO {self._table}_model VALUES (:model)", model=model.to_json())
                run("COMMIT")
            rows = run(f"SELECT model FROM {self._table}_model")
        if len(rows) != 1:
            raise GalleryError(
                f"{self._address}: the table {self._table}_model is damaged; make a new gallery"
            )
        return ModelIdentity.from_json(rows[0][0])

    def add(self, entries: Entries) -> None:
        """Keep entries in one transaction; one whose key is there replaces the old one."""
        check_entries(entries, self._model.dimension)
        with self._talking() as run:
            run("BEGIN")
            for part in in_parts(entries, _AT_ONCE):
                rows = [
                    say.to_row(entry, vector)
                    for entry, vector in zip(part.entries, part.vectors, strict=True)
                ]
                run(say.insertion(self._table), rows=json.dumps(rows))
            run("COMMIT")
            if not self._graph_there(run) and self._count(run, "true", {}) >= _GRAPH_FROM:
                statement = say.graph(self._table, self._model.dimension)
                if statement:
                    run(statement)
                    run(f"ANALYZE {self._table}")

    def search(self, vector: Float32[np.ndarray, " d"], top: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The `top` entries nearest by cosine for which `where` holds, most similar first."""
        direction = direction_of(vector, top, self._model.dimension)
        found = normalize_filter(where)
        if found is None:
            return []
        text, values = _parameters(found)
        with self._talking() as run:
            graph_there = top <= _SEARCH_CANDIDATES and self._graph_there(run)
            if graph_there:
                values["candidates"] = max(2 * top, 40)
            statement = say.nearest(self._table, self._model.dimension, text, graph_there)
            rows = run(statement, vector=say.to_text(direction.astype(np.float32)), top=top, **values)
        return [Hit(say.from_row(row), float(row[7])) for row in rows]

    def scan(self, where: Filter = EVERYTHING, batch: int = 1024) -> Iterator[Entries]:
        """All entries for which `where` holds, in in_parts of at most `batch`."""
        found = normalize_filter(where)
        if found is None:
            return
        text, values = _parameters(found)
        last = "00000000-0000-0000-0000-000000000000"
        while True:
            with self._talking() as run:
                rows = run(
                    f"SELECT {say.COLUMNS}, vector::text FROM {self._table} WHERE {text} AND key > CAST(:last AS uuid) "
                    "ORDER BY key LIMIT :batch",
                    last=last,
                    batch=batch,
                    **values,
                )
            if not rows:
                return
            part = say.to_entries(rows)
            yield part
            last = part.entries[-1].key

    def delete(self, where: Filter) -> int:
        """Remove entries, say how many, and have the server rewrite the table's files without them.

        The server's log of writes keeps their bytes until it is recycled: docs/stores.md.
        """
        found = normalize_filter(where)
        if found is None:
            return 0
        text, values = _parameters(found)
        with self._talking() as run:
            gone = (
                f"WITH gone AS (DELETE FROM {self._table} WHERE {text} RETURNING 1) SELECT count(*) FROM gone"
            )
            count = int(run(gone, **values)[0][0])
            if count:
                run(f"VACUUM (FULL, ANALYZE) {self._table}")
        return count

    def describe(self) -> Description:
        """What is there."""
        with self._talking() as run:
            version = run("SELECT current_setting('server_version')")[0][0].split()[0]
            vectors = run("SELECT extversion FROM pg_extension WHERE extname = 'vector'")[0][0]
            count, first, last = run(f"SELECT count(*), min(time), max(time) FROM {self._table}")[0]
            cameras = run(f"SELECT camera, count(*) FROM {self._table} GROUP BY camera")
            sources = run(f"SELECT source, count(*) FROM {self._table} GROUP BY source")
        return Description(
            self._address,
            f"PostgreSQL {version} with pgvector {vectors}",
            self._model,
            count,
            dict(cameras),
            dict(sources),
            first,
            last,
        )

    def close(self) -> None:
        """Let go of the connection."""
        with self._turn:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _count(self, run: Any, text: str, values: dict[str, Any]) -> int:
        return run(f"SELECT count(*) FROM {self._table} WHERE {text}", **values)[0][0]

    def _graph_there(self, run: Any) -> bool:
        return run("SELECT to_regclass(:name) IS NOT NULL", name=f"{self._table}_vector")[0][0]

    @contextmanager
    def _talking(self) -> Iterator[Any]:
        """The connection's `run`, for one thread at a time; what failed is rolled back."""
        with self._turn, self._server_errors():
            if self._connection is None:
                raise GalleryError(f"{self._address}: this gallery was closed; open it again")
            try:
                yield self._connection.run
            except BaseException:
                with suppress(
                    Exception
                ):  # outside a transaction, or on a dead connection, there is nothing to undo
                    self._connection.run("ROLLBACK")
                raise

    @contextmanager
    def _server_errors(self) -> Iterator[None]:
        """Turn what the server says into an error of ours, without the address, which may hold a password."""
        from pg8000.exceptions import DatabaseError, InterfaceError

        try:
            yield
        except DatabaseError as error:
            said = error.args[0] if error.args and isinstance(error.args[0], dict) else {"M": str(error)}
            text = said.get("M", "unknown")
            if said.get("C") in _FULL_DISK:
                raise StorageError(f"{self._address}: the server's disk or memory is full ({text})") from None
            hint = "; install pgvector on the server" if '"vector"' in text else ""
            raise GalleryError(f"{self._address}: PostgreSQL says: {text}{hint}") from None
        except (InterfaceError, ConnectionError, TimeoutError) as error:
            raise GalleryError(
                f"{self._address}: the server cannot be reached or closed the connection "
                f"({type(error).__name__}); check the address and that it runs"
            ) from None


def _parameters(found: Any) -> tuple[str, dict[str, Any]]:
    text, values = say.condition(found)
    return text, {
        name: json.dumps(value) if isinstance(value, list) else value for name, value in values.items()
    }
