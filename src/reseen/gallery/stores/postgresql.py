"""A store in PostgreSQL with pgvector: transactions, and concurrent processes and hosts.

An open store is thread-safe; its threads share one connection, one at a time. Several processes may write at once: all
write rows in the order of their keys, what only one may do is done under a lock of the database, and a transaction that
the database ends because two waited for each other is repeated.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32

from reseen.errors import GalleryError, StorageError
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries, Hit
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.store import Description, Store, unit_query
from reseen.gallery.stores import postgresql_statements as sql
from reseen.gallery.stores.address import parse_address
from reseen.gallery.stores.checks import batches, check_entries, refuse_other_model
from reseen.gallery.stores.normalized_filter import normalize_filter

if TYPE_CHECKING:
    from pg8000.native import Connection

PATTERN = "postgresql://user:password@host:5432/database?table=reseen"
_TABLE = re.compile(r"[a-z_][a-z0-9_]{0,40}")
_BATCH = 1_000
_INDEX_FROM = 50_000
"""Number of entries from which an HNSW index is built; fewer are searched exactly."""
_EF_SEARCH = 200
_OUT_OF_SPACE = ("53100", "53200")
"""SQLSTATE codes disk_full and out_of_memory."""
_CONFLICTS = ("40P01", "40001")
"""SQLSTATE codes deadlock_detected and serialization_failure."""
_TRIES = 10


class PostgresqlStore(Store):
    """A gallery in two tables, by default `reseen` and `reseen_model`.

    Raises:
        GalleryError: the server is unreachable or returns an error; pgvector or pg8000 is not installed; the gallery
            does not exist and `create` is false, or it is of another model.
        StorageError: the server's disk or memory is full.
    """

    def __init__(self, address: str, model: ModelIdentity | None = None, create: bool = False) -> None:
        self._parsed = parse_address(address, PATTERN, ("table", "host"))
        self._address = self._parsed.redacted()
        self._table = self._parsed.options.get("table", "reseen")
        if not _TABLE.fullmatch(self._table):
            raise GalleryError(
                f"{self._address}: a table name must have at most 41 lower-case letters, digits and _, "
                "and must not begin with a digit"
            )
        self._lock = threading.RLock()
        self._connection: Connection | None = self._connect()
        try:
            self._model = self._open_or_create(model, create)
            refuse_other_model(self._address, self._model, model)
            with self._session() as run:
                run(f"SET hnsw.ef_search = {_EF_SEARCH}")
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
        address = self._parsed
        folder = address.options.get("host")
        socket = f"{folder}/.s.PGSQL.{address.port or 5432}" if folder else None
        with self._server_errors():
            return Connection(
                address.user or "postgres",
                host=address.host or "localhost",
                database=address.name,
                port=address.port or 5432,
                password=address.password,
                unix_sock=socket,
                application_name="reseen",
            )

    def _open_or_create(self, model: ModelIdentity | None, create: bool) -> ModelIdentity:
        with self._session() as run:
            exists = run("SELECT to_regclass(:name) IS NOT NULL", name=f"{self._table}_model")[0][0]
            if not exists:
                if not create or model is None:
                    raise GalleryError(
                        f"{self._address}: there is no gallery; create one with `reseen index`"
                    )
                with sql.alone(run):
                    self._create(run, model)
            rows = run(f"SELECT model FROM {self._table}_model")
        if len(rows) != 1:
            raise GalleryError(
                f"{self._address}: the table {self._table}_model is damaged; create a new gallery"
            )
        return ModelIdentity.from_json(rows[0][0])

    def _create(self, run: Any, model: ModelIdentity) -> None:
        """Create the tables, unless another process has done so while this one waited for the lock."""
        if run("SELECT to_regclass(:name) IS NOT NULL", name=f"{self._table}_model")[0][0]:
            return
        run("BEGIN")
        run("CREATE EXTENSION IF NOT EXISTS vector")
        for statement in sql.create_tables(self._table, model.dimension):
            run(statement)
        run(f"INSERT INTO {self._table}_model VALUES (:model)", model=model.to_json())
        run("COMMIT")

    def add(self, entries: Entries) -> None:
        """Add or, by key, replace entries in one transaction."""
        self._write(sql.upsert(self._table), entries)
        with self._session() as run:
            if not self._index_exists(run) and self._count(run, "true", {}) >= _INDEX_FROM:
                statement = sql.create_index(self._table, self._model.dimension)
                if statement:
                    with sql.alone(run):
                        run(statement)
                    run(f"ANALYZE {self._table}")

    def replace(self, entries: Entries) -> None:
        """Replace, in one transaction, those entries that are there; what was deleted meanwhile is not added again."""
        self._write(sql.update(self._table), entries)

    def _write(self, statement: str, entries: Entries) -> None:
        check_entries(entries, self._model.dimension)
        order = sorted(range(len(entries)), key=lambda row: entries.entries[row].key)
        ordered = Entries([entries.entries[row] for row in order], entries.vectors[order])

        def write(run: Any) -> None:
            run("BEGIN")
            for part in batches(ordered, _BATCH):
                rows = [
                    sql.to_row(entry, vector)
                    for entry, vector in zip(part.entries, part.vectors, strict=True)
                ]
                run(statement, rows=json.dumps(rows))
            run("COMMIT")

        self._repeat(write)

    def search(self, vector: Float32[np.ndarray, " d"], top: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The `top` entries of highest cosine similarity among those that match `where`, most similar first."""
        direction = unit_query(vector, top, self._model.dimension)
        normalized = normalize_filter(where)
        if normalized is None:
            return []
        condition, values = sql.condition(normalized)
        with self._session() as run:
            index_exists = top <= _EF_SEARCH and self._index_exists(run)
            if index_exists:
                values["candidates"] = max(2 * top, 40)
            statement = sql.nearest(self._table, self._model.dimension, condition, index_exists)
            rows = run(statement, vector=sql.vector_to_text(direction.astype(np.float32)), top=top, **values)
        return [Hit(sql.from_row(row), float(row[7])) for row in rows]

    def scan(self, where: Filter = EVERYTHING, batch: int = 1024) -> Iterator[Entries]:
        """All entries that match `where`, in batches of at most `batch`."""
        normalized = normalize_filter(where)
        if normalized is None:
            return
        condition, values = sql.condition(normalized)
        last = "00000000-0000-0000-0000-000000000000"
        while True:
            with self._session() as run:
                rows = run(
                    f"SELECT {sql.COLUMNS}, vector::text FROM {self._table} WHERE {condition} "
                    "AND key > CAST(:last AS uuid) ORDER BY key LIMIT :batch",
                    last=last,
                    batch=batch,
                    **values,
                )
            if not rows:
                return
            part = sql.to_entries(rows)
            yield part
            last = part.entries[-1].key

    def delete(self, where: Filter) -> int:
        """Delete entries and rewrite the table's files without them; returns how many.

        The server's write-ahead log keeps their bytes until it is recycled; see docs/stores.md.
        """
        normalized = normalize_filter(where)
        if normalized is None:
            return 0
        condition, values = sql.condition(normalized)
        statement = (
            f"WITH doomed AS MATERIALIZED (SELECT key FROM {self._table} WHERE {condition} ORDER BY key FOR UPDATE), "
            f"deleted AS (DELETE FROM {self._table} WHERE key IN (SELECT key FROM doomed) RETURNING 1) "
            "SELECT count(*) FROM deleted"
        )
        count = int(self._repeat(lambda run: run(statement, **values))[0][0])
        if count:
            self._repeat(lambda run: run(f"VACUUM (FULL, ANALYZE) {self._table}"))
        return count

    def describe(self) -> Description:
        """Contents and origin of the store."""
        with self._session() as run:
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
        """Close the connection; a second call does nothing."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _count(self, run: Any, condition: str, values: dict[str, Any]) -> int:
        return run(f"SELECT count(*) FROM {self._table} WHERE {condition}", **values)[0][0]

    def _index_exists(self, run: Any) -> bool:
        return run("SELECT to_regclass(:name) IS NOT NULL", name=f"{self._table}_vector")[0][0]

    def _repeat(self, work: Callable[[Any], Any]) -> Any:
        """Do work that is a transaction by itself, again where another process was in its way."""
        from pg8000.exceptions import DatabaseError

        for attempt in range(_TRIES):
            with self._session() as run:
                try:
                    return work(run)
                except DatabaseError as error:
                    if _code(error) not in _CONFLICTS or attempt + 1 == _TRIES:
                        raise
                    run("ROLLBACK")
        raise AssertionError("unreachable")

    @contextmanager
    def _session(self) -> Iterator[Any]:
        """The connection's `run`, for one thread at a time; a failed transaction is rolled back."""
        with self._lock, self._server_errors():
            if self._connection is None:
                raise GalleryError(f"{self._address}: this gallery was closed; open it again")
            try:
                yield self._connection.run
            except BaseException:
                with suppress(Exception):  # no transaction, or a dead connection: nothing to roll back
                    self._connection.run("ROLLBACK")
                raise

    @contextmanager
    def _server_errors(self) -> Iterator[None]:
        """Translate exceptions of the server into errors that do not show the password."""
        from pg8000.exceptions import DatabaseError, InterfaceError

        try:
            yield
        except DatabaseError as error:
            fields = error.args[0] if error.args and isinstance(error.args[0], dict) else {"M": str(error)}
            message = fields.get("M", "unknown")
            if _code(error) in _OUT_OF_SPACE:
                raise StorageError(
                    f"{self._address}: the server's disk or memory is full ({message})"
                ) from None
            hint = "; install pgvector on the server" if '"vector"' in message else ""
            raise GalleryError(f"{self._address}: PostgreSQL returned an error: {message}{hint}") from None
        except (InterfaceError, ConnectionError, TimeoutError) as error:
            raise GalleryError(
                f"{self._address}: the server cannot be reached or closed the connection "
                f"({type(error).__name__}); check the address and that the server is running"
            ) from None


def _code(error: Exception) -> str | None:
    """The SQLSTATE code of a database error; None if it has none."""
    return error.args[0].get("C") if error.args and isinstance(error.args[0], dict) else None
