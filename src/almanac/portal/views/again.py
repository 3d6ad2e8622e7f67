"""A form that met the end of a session: shown once more with what was typed, to be sent with one click."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from almanac.portal.reader import Reading
from almanac.portal.views.sign_in import local_path

router = APIRouter()


@router.get("/again")
def again(reader: Reading) -> Response:
    """What was typed before the session ended; nothing is sent before its person says so."""
    typed = [(name, value) for name, value in reader.request.query_params.multi_items() if name != "_to"]
    return reader.page("again.html", to=local_path(reader.request.query_params.get("_to", "/")), typed=typed)
