"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
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

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401 - what a driver takes
        """To UTC, as the driver wants it."""
        if value is None:
            return None
        instant = utc(value)
        return instant.isoformat(timespec="microseconds") if dialect.name == "sqlite" else instant

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401 - what a driver gives
        """Back to aware UTC."""
        if value is None:
            return None
        return datetime.fromisoformat(value) if dialect.name == "sqlite" else value.astimezone(UTC)


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
