"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Enum, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

from almanac.core.windows import utc


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant, to the microsecond: ``timestamptz`` on PostgreSQL, fixed-width ISO 8601 text on SQLite.

    Fixed width, so that SQLite's text order is the order in time.

    Raises:
        BadWindow: a naive time is written or compared with.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text on SQLite, ``timestamptz`` elsewhere."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """To UTC, as the driver wants it."""
        return _to_text if dialect.name == "sqlite" else _to_utc

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:  # noqa: ARG002
        """Back to aware UTC. PostgreSQL's sessions are in UTC, so what psycopg gives is that already."""
        return _from_text if dialect.name == "sqlite" else None


def _to_utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else utc(instant)


def _to_text(instant: datetime | None) -> str | None:
    return None if instant is None else utc(instant).isoformat(timespec="microseconds")


def _from_text(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


Serial = BigInteger().with_variant(Integer, "sqlite")
"""An integer key that counts up (SQLite counts only ``INTEGER``)."""

Json: JSON[Any] = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""JSON; None is SQL's NULL."""


def one_of(values: type[StrEnum], name: str) -> Enum:
    """Text that comes back as a member of ``values``, with a CHECK constraint of that name."""
    return Enum(
        values,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=16,
        values_callable=lambda members: [member.value for member in members],
    )
