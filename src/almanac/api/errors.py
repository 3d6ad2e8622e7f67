"""One shape for every error, and its place in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from almanac.core.errors import AlmanacError, BadRequest

MAX_LISTED = 10
"""Wrong fields told in one answer."""


class ErrorBody(BaseModel):
    """What went wrong, and what would work."""

    code: str = Field(description="Stable, for programs.", examples=["no_capacity"])
    message: str = Field(description="What happened, in one sentence.")
    hint: str = Field(description="What would work instead; may be empty.")
    details: dict[str, Any] = Field(description="Facts for programs, such as `refusal` of a `no_capacity`.")


class ErrorAnswer(BaseModel):
    """The shape of every answer that is not a success."""

    error: ErrorBody


_MEANINGS: Mapping[int, tuple[str, str, str, str]] = {
    400: ("The request can't be read.", "bad_request", "The body can't be read.", "Send UTF-8 JSON."),
    401: ("No token, or a dead one.", "not_signed_in", "The token is expired.", "Sign in again."),
    403: ("Your role or token doesn't allow it.", "forbidden", "Only an operator may do that.", "Ask an operator."),
    404: ("No such thing, or not yours to see.", "not_found", "There is no booking b-7k3m9q2x.", "Check the spelling."),
    409: ("A state, a quota or the capacity forbids it.", "wrong_state", "The booking has ended.", "Book a new one."),
    413: ("The body is too large.", "too_large", "The body is too large.", "No request here needs a body that large."),
    422: ("A field is missing, malformed or out of range.", "bad_request", "seats: is required.", "See openapi.json."),
    429: ("Too many failed tries.", "slow_down", "Too many failed sign-ins.", "Try again in 12 s."),
    500: ("A defect of Almanac's own.", "internal", "Something went wrong (incident 1f0c).", "Tell your operator."),
    503: ("A site or the database is in trouble.", "site_trouble", "The site local is silent.", "Name another site."),
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of an operation that may answer with these error statuses."""
    return {status: _documentation(*_MEANINGS[status]) for status in statuses}


def _documentation(description: str, code: str, message: str, hint: str) -> dict[str, Any]:
    example = {"error": {"code": code, "message": message, "hint": hint, "details": {}}}
    return {"model": ErrorAnswer, "description": description, "content": {"application/json": {"example": example}}}


def answer(error: AlmanacError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response that tells an error."""
    body = {"code": error.code, "message": error.message, "hint": error.hint, "details": error.details}
    return JSONResponse({"error": body}, status_code=error.status, headers={**_headers(error), **(headers or {})})


def _headers(error: AlmanacError) -> dict[str, str]:
    if error.status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": "Bearer"}
    if "retry_after_s" in error.details:
        return {"Retry-After": str(error.details["retry_after_s"])}
    return {}


class HttpError(AlmanacError):
    """What the framework itself refuses: no such route or method, a body that is too large or unreadable."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message, hint=_HINTS.get(status, "Send UTF-8 JSON."))
        self.status = status
        self.code = _CODES.get(status, "bad_request")


_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_HINTS = {
    404: "The routes are listed in /api/v1/openapi.json.",
    405: "The Allow header says which methods this route has.",
    413: "No request here needs a body that large.",
}


def install(app: FastAPI) -> None:
    """Shape every error of the app alike; the unexpected ones are caught by ``almanac.api.middleware``."""

    @app.exception_handler(AlmanacError)
    async def expected(_: Request, error: AlmanacError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> JSONResponse:
        wrapped = HttpError(error.status_code, f"{error.detail}.")
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return answer(wrapped, {"Allow": ", ".join(_methods(app, request.url.path))})
        return answer(wrapped, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return answer(explain(error.errors()))


def _methods(app: FastAPI, path: str) -> list[str]:
    """All methods of a path; Starlette's own answer tells only those of the first route that has the path."""
    paths = app.openapi()["paths"].items()
    return sorted({m.upper() for template, item in paths if compile_path(template)[0].match(path) for m in item})


def explain(errors: Sequence[Mapping[str, Any]]) -> BadRequest:
    """Say which fields are wrong and what they allow, without repeating what was sent."""
    fields = [{"field": _field(error["loc"]), "message": _allowed(error)} for error in errors[:MAX_LISTED]]
    message = "; ".join(f"{one['field']}: {one['message']}" for one in fields)
    return BadRequest(
        message + ".", hint="The fields and their bounds are in /api/v1/openapi.json.", details={"fields": fields}
    )


def _field(loc: Sequence[int | str]) -> str:
    """The field's dotted path. Keys that a client made up are shown in part, and always as ASCII."""
    if len(loc) == 1 or isinstance(loc[1], int):
        return str(loc[0])
    return ".".join(ascii(part)[1:-1][:60] if isinstance(part, str) else str(part) for part in loc[1:5])


def _allowed(error: Mapping[str, Any]) -> str:
    message = _PLAINER.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")
    return message.removeprefix("Input should be ").rstrip(".")


_PLAINER = {
    "missing": "is required",
    "extra_forbidden": "is not a field here",
    "json_invalid": "is not JSON",
    "timezone_aware": "a time needs an offset, such as 2027-03-01T10:00:00Z (in a query, write a + as %2B)",
    "model_attributes_type": "must be a JSON object (Content-Type: application/json)",
}
