"""Reading: short, read-only transactions through aiosqlite, so that no reader ever pins the WAL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from events.blobs import TextsDropped, decode_pack
from events.chain import GENESIS
from events.log import Entry, Head, LogCorrupt, LogUnusable, Snapshot, TextMissing
from events.sqlite import bounds, decode, schema, snapshots
from events.sqlite.decode import Decoder, Stored, UnknownName
from events.types.base import TextRef
from events.types.upkeep import ARCHIVE

if TYPE_CHECKING:
    import aiosqlite


class Reader:
    """A read-only connection. Raises nothing but LogError, whatever the file holds."""

    def __init__(self, path: Path) -> None:
        self._path, self._url = path, str(path)
        self._connection: aiosqlite.Connection | None = None
        self._decoder = Decoder(self._url)
        self._version = -1
        self._position = 0
        self._has_caches = False

    async def entries(self, *, after: int, limit: int, topic: str | None, session: int | None) -> list[Entry]:
        where, order, arguments = "position > ?", "position", [after]
        if session is not None:
            where, arguments = where + " AND session = ?", [*arguments, session]
        if topic is not None:
            number = await self._name_id(topic)
            if number is None:
                return []
            # within a topic this is the same order, and its index has it
            where, order, arguments = where + " AND topic = ?", "previous", [*arguments, number]
        rows = await self._all(f"{decode.SELECT} WHERE {where} ORDER BY {order} LIMIT ?", *arguments, limit)
        return await self._decode(rows, after)

    async def last(self, topic: str) -> Entry | None:
        number = await self._name_id(topic)
        if number is None:
            return None
        rows = await self._all(f"{decode.SELECT} WHERE topic = ? ORDER BY previous DESC LIMIT 1", number)
        found = await self._decode(rows)
        return found[0] if found else None

    async def archived(self) -> Entry | None:
        found = await self.last(ARCHIVE)
        return None if found is None or (await self._all(bounds.IS_ARCHIVE))[0][0] else found

    async def text(self, ref: TextRef, at: int) -> str:
        query = "SELECT digests, codec, checksum, data FROM pack WHERE place <= ? ORDER BY place DESC LIMIT 1"
        for digests, codec, checksum, data in await self._all(query, ref.place or at):
            known = str(digests).split(" ")
            if ref.digest in known:
                try:
                    return decode_pack(codec, checksum, data)[known.index(ref.digest)]
                except TextsDropped:
                    break
                except (ValueError, IndexError) as error:
                    raise LogCorrupt(url=self._url, position=at, reason=f"its text cannot be read: {error}") from error
        raise TextMissing(digest=ref.digest, at=at)

    async def head(self) -> Head:
        rows = await self._all("SELECT position, hash FROM batch ORDER BY position DESC LIMIT 1")
        position, chain = rows[0] if rows else (0, GENESIS)
        if not isinstance(chain, bytes):
            raise LogCorrupt(url=self._url, position=position, reason="its hash is no hash")
        return Head(position=position, hash=chain.hex())

    async def snapshot(self, view: str, form: int) -> Snapshot | None:
        if not self._has_caches:
            return None
        rows = await self._all(f"{snapshots.SELECT} WHERE view = ? AND form = ?", view, form)
        return snapshots.found(rows[0]) if rows else None

    async def position(self) -> int:
        """The last position, cheaply: the file is only asked for it when another connection wrote."""
        rows = await self._all("PRAGMA data_version")
        if rows[0][0] != self._version:
            self._version = rows[0][0]
            self._position = (await self.head()).position
        return self._position

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def open(self) -> None:
        """Raises LogForeign, LogNewer, LogUnusable."""
        self._connection = await self._connect()

    async def _connect(self) -> aiosqlite.Connection:
        import aiosqlite

        connection = None
        try:
            connection = await aiosqlite.connect(
                schema.read_only_uri(self._path), uri=True, isolation_level=None, timeout=schema.BUSY_S
            )
            for pragma in schema.READER_PRAGMAS:
                await connection.execute(pragma)
            form = [next(iter(await connection.execute_fetchall(query)))[0] for query in schema.FORM]
            found = schema.check_form(form, self._url)
            self._has_caches = found >= schema.WITH_CACHES
            if not found:
                raise LogUnusable(
                    url=self._url, reason="nothing was ever written to it", remedy="run a task first, or use `--log`"
                )
        except BaseException as error:
            if connection is not None:
                await connection.close()
            if isinstance(error, schema.UNREADABLE):
                raise schema.translate(error, self._url) from error
            raise
        return connection

    async def _all(self, query: str, *arguments: object) -> list[Stored]:
        try:
            if self._connection is None:
                raise ValueError("no connection")
            rows = await self._connection.execute_fetchall(query, arguments)
        except schema.UNREADABLE as error:
            raise schema.translate(error, self._url) from error
        except ValueError as error:  # aiosqlite's word for a connection that was closed
            raise LogUnusable(url=self._url, reason="it was closed", remedy="open it again") from error
        return cast("list[Stored]", rows)  # a list of tuples: no row factory is set

    async def _name_id(self, name: str) -> int | None:
        if not name:
            return 0
        try:
            name.encode()
        except UnicodeEncodeError:
            return None  # no log takes such a name
        rows = await self._all("SELECT id FROM name WHERE text = ?", name)
        return rows[0][0] if rows else None

    async def _decode(self, rows: list[Stored], after: int = -1) -> list[Entry]:
        try:
            return self._decoder.entries(rows, after=after)
        except UnknownName:
            self._decoder.learn((number, text) for number, text in await self._all("SELECT id, text FROM name"))
        try:
            return self._decoder.entries(rows, after=after)
        except UnknownName:
            raise self._decoder.missing(rows) from None
