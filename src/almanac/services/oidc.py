"""OpenID Connect: the code flow with PKCE, state and nonce, through Authlib. It checks what comes back, not who that is here."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from almanac.core.errors import AlmanacError, NotSignedIn, SiteTrouble
from almanac.services.vault import Vault

JOURNEY_LASTS = timedelta(minutes=10)
"""How long somebody may take at their institution."""
METADATA_LASTS = timedelta(hours=1)
_KEYS_LAST = timedelta(seconds=10)
"""Keys that don't fit are fetched anew, but not more often than this."""
_TIMEOUT_S = 10
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384")
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderTrouble(AlmanacError):
    """The institution's sign-in doesn't answer, or not as it should."""

    code = "provider_trouble"
    status = 503

    def __init__(self, what: str) -> None:
        super().__init__(
            f"Your institution's sign-in {what}.", hint="Try again later, or sign in with a password if you have one."
        )


@dataclass(frozen=True, slots=True)
class Registration:
    """How Almanac is known at the institution.

    Attributes:
        issuer: the provider's URL, exactly as it calls itself.
        client_secret: empty for a public client, which PKCE alone protects.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ("openid", "profile", "email")


@dataclass(frozen=True, slots=True)
class Departure:
    """Where to send the browser, and what it brings back: sealed, for this browser's cookie."""

    url: str
    journey: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who came back, as the institution says, and where they wanted to go."""

    subject: str
    claims: Mapping[str, Any]
    then: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the institution sent the browser back with (RFC 6749 section 4.1.2, RFC 9207)."""

    state: str = ""
    code: str = field(default="", repr=False)
    error: str = ""
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class _Journey:
    """What must fit together at the end of the flow."""

    state: str
    nonce: str
    verifier: str
    then: str
    began: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What the provider last said of itself."""

    at: datetime
    metadata: Mapping[str, Any]
    keys: KeySet


class Provider:
    """One OpenID Connect provider. Safe to use from several threads."""

    def __init__(self, registration: Registration, vault: Vault) -> None:
        self.registration = registration
        self._vault = vault
        self._known: _Known | None = None

    def depart(self, back: str, then: str, now: datetime) -> Departure:
        """Begin the flow.

        Args:
            back: where the institution sends the browser back to; registered there.
            then: the path on our side where the person wanted to go.
            now: the present.

        Raises:
            ProviderTrouble: it doesn't answer, or not as it should.
        """
        metadata = self._about(now).metadata
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        with self._client(back) as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        journey = [state, nonce, verifier, then, now.isoformat()]
        return Departure(url, self._vault.seal_text(json.dumps(["journey", *journey])))

    def arrive(self, answer: Answer, sealed: str, back: str, now: datetime) -> Arrival:
        """End the flow.

        Raises:
            NotSignedIn: it began in another browser or too long ago, the institution refused, or what it says isn't right.
            ProviderTrouble: it doesn't answer, or not as it should.
        """
        journey = self._opened(sealed, answer, now)
        if answer.error or not answer.code:
            raise NotSignedIn(
                f"Your institution didn't sign you in ({ascii(answer.error)[1:-1][:60] or 'no code'}).",
                hint="Try again.",
            )
        about = self._about(now)
        with _plain_words(), self._client(back) as client:
            token = client.fetch_token(
                about.metadata["token_endpoint"],
                grant_type="authorization_code",
                code=answer.code,
                code_verifier=journey.verifier,
            )
            claims = self._verified(token, journey.nonce, now)
            more = self._userinfo(client, about.metadata.get("userinfo_endpoint"), claims["sub"])
        return Arrival(claims["sub"], {**more, **claims}, journey.then)

    def _opened(self, sealed: str, answer: Answer, now: datetime) -> _Journey:
        """The journey that this answer ends. State and cookie fit only in the browser that began it."""
        try:
            kind, *facts = json.loads(self._vault.open_text(sealed))
            journey = _Journey(*facts)
        except (SiteTrouble, ValueError, TypeError):
            raise _lost() from None
        late = kind != "journey" or now - datetime.fromisoformat(journey.began) > JOURNEY_LASTS
        foreign = answer.issuer not in {"", self.registration.issuer}
        if late or foreign or not hmac.compare_digest(journey.state.encode(), answer.state.encode()):
            raise _lost()
        return journey

    def _client(self, back: str) -> OAuth2Client:
        ours = self.registration
        return OAuth2Client(
            ours.client_id,
            ours.client_secret or None,
            scope=" ".join(ours.scopes),
            redirect_uri=back,
            code_challenge_method="S256",
            timeout=_TIMEOUT_S,
        )

    def _verified(self, token: Mapping[str, Any], nonce: str, now: datetime) -> dict[str, Any]:
        """The ID token's claims, once its signature, issuer, audience, times and nonce are right."""
        if not isinstance(token.get("id_token"), str):
            raise ProviderTrouble("answered without an ID token")
        try:
            decoded = self._decoded(token["id_token"], now)
            options = {
                "iss": {"essential": True, "value": self.registration.issuer},
                "aud": {"essential": True, "value": self.registration.client_id},
            }
            facts = {
                "nonce": nonce,
                "client_id": self.registration.client_id,
                "access_token": token.get("access_token"),
            }
            claims = CodeIDToken(decoded.claims, decoded.header, options, facts)
            claims.validate(now=int(now.timestamp()), leeway=60)
        except (JoseError, ValueError) as error:
            raise NotSignedIn(
                f"What your institution says of you isn't right ({type(error).__name__}).",
                hint="Try again; if it stays, tell your operator.",
            ) from None
        return dict(claims)

    def _decoded(self, id_token: str, now: datetime) -> jwt.Token:
        about = self._about(now)
        try:
            return jwt.decode(id_token, about.keys, algorithms=_ALGORITHMS)
        except (JoseError, ValueError):  # the provider may have changed its keys
            return jwt.decode(id_token, self._about(now, _KEYS_LAST).keys, algorithms=_ALGORITHMS)

    def _userinfo(self, client: OAuth2Client, url: object, subject: str) -> dict[str, Any]:
        """What the provider tells beyond the ID token; only of the same person (OpenID Connect Core section 5.3.2)."""
        if not isinstance(url, str):
            return {}
        told = client.get(url).raise_for_status().json()
        return told if isinstance(told, dict) and told.get("sub") == subject else {}

    def _about(self, now: datetime, lasts: timedelta = METADATA_LASTS) -> _Known:
        """What the provider says of itself, not older than that."""
        if self._known is None or now - self._known.at > lasts:
            with _plain_words(), httpx2.Client(timeout=_TIMEOUT_S) as client:
                metadata = _object(client, f"{self.registration.issuer.rstrip('/')}/.well-known/openid-configuration")
                self._check(metadata)
                self._known = _Known(now, metadata, KeySet.import_key_set(_object(client, metadata["jwks_uri"])))
        return self._known

    def _check(self, metadata: Mapping[str, Any]) -> None:
        if metadata.get("issuer") != self.registration.issuer:
            raise ProviderTrouble("calls itself something else than the issuer in the settings")
        scheme = self.registration.issuer.partition(":")[0]
        if not all(str(metadata.get(name)).startswith(("https:", f"{scheme}:")) for name in _NEEDED):
            raise ProviderTrouble("doesn't say where it is")


def _object(client: httpx2.Client, url: str) -> Any:  # noqa: ANN401 - somebody else's JSON
    found = client.get(url).raise_for_status().json()
    if not isinstance(found, dict):
        raise ProviderTrouble("answers what isn't understood")
    return found


@contextmanager
def _plain_words() -> Iterator[None]:
    """What can go wrong between us and the provider, told without its insides."""
    try:
        yield
    except OAuthError as error:
        raise NotSignedIn(
            f"Your institution didn't sign you in ({ascii(error.error)[1:-1][:60]}).",
            hint="Start again at the sign-in page.",
        ) from None
    except httpx2.HTTPError:
        raise ProviderTrouble("doesn't answer") from None
    except (JoseError, ValueError):
        raise ProviderTrouble("answers what isn't understood") from None


def _lost() -> NotSignedIn:
    return NotSignedIn(
        "This sign-in began in another browser, was ended before, or took too long.",
        hint="Start again at the sign-in page.",
    )
