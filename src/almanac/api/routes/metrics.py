"""Live metrics of a booking; and, for Prometheus alone, what there is to read."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import PlainTextResponse

from almanac.api import metrics_models as m
from almanac.api.dependencies import App, BearerToken, BookingId, Now, Who
from almanac.api.errors import documented
from almanac.services.live import MetricsView

router = APIRouter(tags=["metrics"], responses=documented(401))
machines = APIRouter(prefix="/monitoring")
"""Read by Prometheus: no door for people, so it isn't in the OpenAPI document."""
grafana = APIRouter(prefix="/bookings/{booking}/metrics/api/v1")
"""The same questions at the paths at which Grafana asks a Prometheus."""

_LOOK = documented(404, 409, 422)
LabelName = Annotated[str, Path(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


@router.get("/bookings/{booking}/metrics", response_model=m.Metrics, summary="Live metrics", responses=_LOOK)
def metrics(
    booking: BookingId, app: App, caller: Who, now: Now, asked: Annotated[m.PanelsQuery, Query()]
) -> MetricsView:
    """The charts of a booking: while it runs until now, afterwards until it ended.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" "$ALMANAC_URL/api/v1/bookings/b-7k3m9q2x/metrics?span_s=600"`
    """
    return app.live.panels(caller, booking, asked.span, asked.until, now)


@router.get("/bookings/{booking}/metrics/query", summary="Ask in PromQL", responses=_LOOK)
def metrics_query(booking: BookingId, app: App, caller: Who, asked: Annotated[m.InstantQuery, Query()]) -> m.Answer:
    """PromQL about one moment. Only the booking's own series are seen, whatever the query says.

    Example: `curl -G -H "Authorization: Bearer $ALMANAC_TOKEN" --data-urlencode 'query=sum(spark_executor_active_tasks)'
    $ALMANAC_URL/api/v1/bookings/b-7k3m9q2x/metrics/query`
    """
    return _answer(app.monitoring.ask(caller, booking, "query", asked.parameters()))


@router.get("/bookings/{booking}/metrics/query_range", summary="Ask in PromQL over time", responses=_LOOK)
def metrics_query_range(booking: BookingId, app: App, caller: Who, asked: Annotated[m.RangeQuery, Query()]) -> m.Answer:
    """PromQL over a range of time. Only the booking's own series are seen, whatever the query says.

    Example: `curl -G -H "Authorization: Bearer $ALMANAC_TOKEN" --data-urlencode 'query=sum(rate(node_cpu_seconds_total[1m]))'
    -d start=2027-03-01T10:00:00Z -d end=2027-03-01T11:00:00Z -d step=15s
    $ALMANAC_URL/api/v1/bookings/b-7k3m9q2x/metrics/query_range`
    """
    return _answer(app.monitoring.ask(caller, booking, "query_range", asked.parameters()))


def _answer(data: dict[str, Any]) -> m.Answer:
    return m.Answer(data=m.Data.model_validate(data))


@grafana.get("/query")
def grafana_query(booking: BookingId, app: App, caller: Who, asked: Annotated[m.GrafanaInstant, Query()]) -> m.Answer:
    """One moment."""
    return _answer(app.monitoring.ask(caller, booking, "query", asked.parameters()))


@grafana.get("/query_range")
def grafana_query_range(
    booking: BookingId, app: App, caller: Who, asked: Annotated[m.GrafanaRange, Query()]
) -> m.Answer:
    """A range."""
    return _answer(app.monitoring.ask(caller, booking, "query_range", asked.parameters()))


Matching = Annotated[str, Query(alias="match[]", max_length=4096)]


@grafana.get("/labels")
def grafana_labels(booking: BookingId, app: App, caller: Who, match: Matching = "") -> dict[str, Any]:
    """The names of labels."""
    return _listed(app.monitoring.ask(caller, booking, "labels", {"match[]": match}))


@grafana.get("/label/{label}/values")
def grafana_values(booking: BookingId, label: LabelName, app: App, caller: Who, match: Matching = "") -> dict[str, Any]:
    """The values of a label."""
    return _listed(app.monitoring.ask(caller, booking, f"label/{label}/values", {"match[]": match}))


@grafana.get("/series")
def grafana_series(booking: BookingId, app: App, caller: Who, match: Matching = "") -> dict[str, Any]:
    """The series."""
    return _listed(app.monitoring.ask(caller, booking, "series", {"match[]": match}))


def _listed(data: list[Any]) -> dict[str, Any]:
    return {"status": "success", "data": data}


def _prometheus(app: App, token: BearerToken, now: Now) -> None:
    """Almanac's own Prometheus, or an operator's."""
    if not app.monitoring.is_ours(token):
        app.accounts.authenticate(token, now).can_operate()


ByPrometheus = Depends(_prometheus)


@machines.get("/targets", dependencies=[ByPrometheus])
def targets(app: App, request: Request) -> list[dict[str, Any]]:
    """What there is to read, as Prometheus' HTTP discovery wants it."""
    return app.monitoring.targets(request.url.netloc)


@machines.get("/scrape/{cluster}/{endpoint}", dependencies=[ByPrometheus], response_class=PlainTextResponse)
def scrape(cluster: str, endpoint: str, app: App, now: Now) -> str:
    """What one target tells."""
    return app.monitoring.scrape(cluster, endpoint, now)


@machines.get("/metrics", dependencies=[ByPrometheus], response_class=PlainTextResponse)
def own_metrics(app: App, now: Now) -> str:
    """What Almanac tells of itself."""
    return app.monitoring.own(now)
