"""What Caddy is told, as JSON: two listeners, and a question to Almanac before anything reaches a cluster.

There are no routes to clusters in it, and none of their secrets. Each request is first put to Almanac, whose answer says
where it goes and with which credentials, or is itself what the client gets. So routes are always those of the database, a
change of them needs no reload, and no connection is lost by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

QUESTION = "/api/v1/door"
SECRET, PEER, UPGRADE = "X-Almanac-Door", "X-Almanac-Peer", "X-Forwarded-Upgrade"
UPSTREAM, PREFIX, CREDENTIALS = "X-Almanac-Upstream", "X-Almanac-Prefix", "X-Almanac-Credentials"
"""Headers of an answer that lets a request through: where to, what of the path to leave away, what to show there."""

_OWN = ("X-Almanac-Booking", SECRET, PEER)
_ANSWERED = "{{http.reverse_proxy.header.{}}}"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """What the door is to be.

    Attributes:
        listen: ``host:port`` of the entrance: the portal, the API, Spark Connect.
        listen_platforms: ``host:port`` of what people run themselves: notebooks and Spark UIs, another origin to browsers.
        url: how people reach the entrance; ``https`` means TLS.
        platforms_url: how they reach their platforms.
        almanac: ``host:port`` of Almanac.
        secret: by which Almanac knows the door.
        directory: for what Caddy keeps.
        certificate: None for one of Caddy's own making, where there is TLS.
    """

    listen: str
    listen_platforms: str
    url: str
    platforms_url: str
    almanac: str
    secret: str = field(repr=False)
    directory: Path
    certificate: Certificate | None = None

    @property
    def tls(self) -> bool:
        """Whether both listeners speak TLS only."""
        return self.url.startswith("https:")


def configuration(plan: Plan) -> Json:
    """Caddy's configuration (version 2.6 or newer)."""
    return {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": {"logs": {"default": _log()}},
        "storage": {"module": "file_system", "root": str(plan.directory / "data")},
        "apps": {
            "http": {
                "servers": {
                    "entrance": _server(plan, plan.listen, _entrance(plan)),
                    "platforms": _server(plan, plan.listen_platforms, _platforms(plan)),
                },
                "grace_period": "2s",
            },
            **(_tls(plan) if plan.tls else {}),
        },
    }


def _log() -> Json:
    """Without what may hold a token: addresses with their queries, and headers."""
    hidden = {name: {"filter": "delete"} for name in ("request>uri", "request>headers", "resp_headers")}
    return {"level": "WARN", "encoder": {"format": "filter", "wrap": {"format": "console"}, "fields": hidden}}


def _server(plan: Plan, listen: str, routes: list[Json]) -> Json:
    secured = {"tls_connection_policies": [{"default_sni": _host(plan.url)}]} if plan.tls else {}
    return {
        "listen": [listen],
        "protocols": ["h1", "h2"] if plan.tls else ["h1", "h2c"],
        "automatic_https": {"disable": True},
        "routes": routes,
        "errors": {"routes": [{"handle": [_trouble()]}]},
        **secured,
    }


def _entrance(plan: Plan) -> list[Json]:
    connect = {"header": {"Content-Type": ["application/grpc", "application/grpc+proto"]}}
    moved = _go_to(f"{plan.platforms_url}{{http.request.uri}}")
    return [
        {"match": [connect], "handle": [_ask(plan), _cluster(["h2c"])], "terminal": True},
        {"match": [{"path": ["/n/*", "/s/*"]}], "handle": [moved], "terminal": True},
        {"match": [{"path": [QUESTION]}], "handle": [{"handler": "static_response", "status_code": 404}]},
        {"handle": [_proxied(plan.almanac, request={"delete": [SECRET, PEER]})]},
    ]


def _platforms(plan: Plan) -> list[Json]:
    return [
        {"match": [{"path": ["/n/*", "/s/*"]}], "handle": [_ask(plan), _cluster(["1.1"])], "terminal": True},
        {"handle": [_go_to(f"{plan.url}{{http.request.uri}}")]},
    ]


def _ask(plan: Plan) -> Json:
    """Let Almanac decide; an answer without an upstream is for the client."""
    told = {
        "X-Forwarded-Method": ["{http.request.method}"],
        "X-Forwarded-Uri": ["{http.request.uri}"],
        SECRET: [plan.secret],
        PEER: ["{http.request.remote}"],
        UPGRADE: ["{http.request.header.Upgrade}"],
    }
    known = {"upstream": _ANSWERED.format(UPSTREAM), "prefix": _ANSWERED.format(PREFIX)}
    shown = {
        "Authorization": [_ANSWERED.format(CREDENTIALS)],
        "X-Forwarded-Context": [_ANSWERED.format(PREFIX)],
    }
    go_on = [
        {"handler": "vars", **known},
        {"handler": "headers", "request": {"set": shown, "delete": ["Cookie", *_OWN]}},
    ]
    return {
        **_proxied(plan.almanac, request={"set": told, "delete": ["Connection", "Upgrade"]}),
        "rewrite": {"method": "GET", "uri": QUESTION},
        "handle_response": [
            {"match": {"status_code": [200], "headers": {UPSTREAM: ["*"]}}, "routes": [{"handle": go_on}]}
        ],
    }


def _cluster(versions: list[str]) -> Json:
    """On to where Almanac said. What people run sets no cookies: they would be everybody's on this host."""
    away = {"Location": [{"search_regexp": "^(https?://[^/]+)?/", "replace": "{http.vars.prefix}/"}]}
    return {
        "handler": "subroute",
        "routes": [
            {
                "handle": [
                    {"handler": "rewrite", "strip_path_prefix": "{http.vars.prefix}"},
                    {
                        **_proxied("{http.vars.upstream}", response={"delete": ["Set-Cookie"], "replace": away}),
                        "transport": {"protocol": "http", "versions": versions, "compression": False},
                        "flush_interval": -1,
                    },
                ]
            }
        ],
    }


def _proxied(to: str, request: Json | None = None, response: Json | None = None) -> Json:
    headers = {name: change for name, change in (("request", request), ("response", response)) if change}
    return {"handler": "reverse_proxy", "upstreams": [{"dial": to}], "headers": headers}


def _go_to(address: str) -> Json:
    return {"handler": "static_response", "status_code": 307, "headers": {"Location": [address]}}


def _trouble() -> Json:
    body = "{http.error.status_code} {http.error.status_text}: what is behind this address doesn't answer. Try again soon.\n"
    return {
        "handler": "static_response",
        "status_code": "{http.error.status_code}",
        "headers": {"Content-Type": ["text/plain; charset=utf-8"], "Cache-Control": ["no-store"]},
        "body": body,
    }


def _tls(plan: Plan) -> Mapping[str, Json]:
    if plan.certificate is not None:
        files = {"certificate": str(plan.certificate.certificate), "key": str(plan.certificate.key)}
        return {"tls": {"certificates": {"load_files": [files]}}}
    names = sorted({_host(plan.url), _host(plan.platforms_url), "localhost"})
    internal = {"subjects": names, "issuers": [{"module": "internal"}]}
    return {
        "tls": {"certificates": {"automate": names}, "automation": {"policies": [internal]}},
        "pki": {"certificate_authorities": {"local": {"install_trust": False}}},
    }


def _host(url: str) -> str:
    return urlsplit(url).hostname or "localhost"
