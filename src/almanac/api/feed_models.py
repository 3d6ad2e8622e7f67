"""What the API takes and gives about calendar feeds."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from almanac.api import fields as f
from almanac.api.models import In, Out


class FeedBody(In):
    """Whose bookings a calendar is to show: a project's, or without `project` your own."""

    model_config = ConfigDict(json_schema_extra={"example": {"project": None}})

    project: f.Name | None = None


class Feed(Out):
    """A calendar feed of yours, without its secret."""

    id: str
    project: str | None = Field(description="Whose bookings it shows; null: your own.")
    created_at: f.Moment


class NewFeed(Feed):
    """A feed just made; its `url` is shown this once, and whoever has it can read the feed."""

    url: str = Field(examples=["https://almanac.example.org/api/v1/calendars/SECRET.ics"])
