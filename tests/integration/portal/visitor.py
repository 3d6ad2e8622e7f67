"""A person's browser, as far as pages and forms go: what is in a page's forms is what it sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from tests.integration.api.world import World

from almanac.services.sessions import begin

Sent = str | list[str]


@dataclass
class SeenForm:
    """A form of a page: where it goes, and what it sends if nobody types; a list for what it sends several times."""

    action: str
    fields: dict[str, Sent] = field(default_factory=dict)

    def add(self, name: str, value: str) -> None:
        """One more value that it sends."""
        known = self.fields.get(name)
        if known is None:
            self.fields[name] = value
        else:
            self.fields[name] = [*(known if isinstance(known, list) else [known]), value]


class _Forms(HTMLParser):
    """Collects forms: inputs (of boxes those that are ticked), texts, and of each select the chosen (else the first) option."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[SeenForm] = []
        self._select = ""
        self._area = ""
        self._option: str | None = None
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(SeenForm(told.get("action", "")))
            self._open = True
        elif not self._open:
            return
        elif tag == "input" and "name" in told:
            if told.get("type") not in {"checkbox", "radio"} or "checked" in told:
                self.forms[-1].add(told["name"], told.get("value", ""))
        elif tag == "textarea":
            self._area = told.get("name", "")
            self.forms[-1].fields[self._area] = ""
        elif tag == "select":
            self._select, self._option = told.get("name", ""), None
        elif tag == "option" and ("selected" in told or self._option is None):
            self._option = told.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._area:
            self.forms[-1].fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""
        if tag == "form":
            self._open = False
        elif tag == "select" and self._open and self._option is not None:
            self.forms[-1].add(self._select, self._option)


def forms(text: str) -> list[SeenForm]:
    """The forms of a page."""
    parser = _Forms()
    parser.feed(text)
    return parser.forms


@dataclass
class Visitor:
    """Somebody's browser."""

    world: World

    def signed_in(self, role: str) -> Visitor:
        """With a session of somebody in a role."""
        person = self.world.caller(role).person
        with self.world.app.database.write() as unit:
            unit.people.get_person(person)
            new = begin(unit, person, "password", "a browser of tests", self.world.clock())
        self.world.http.cookies.set("almanac_session", new.cookie)
        return self

    def see(self, path: str, **options: object):
        """Look at a page, as a browser does."""
        headers = {"Accept": "text/html", **options.pop("headers", {})}
        return self.world.http.get(path, headers=headers, follow_redirects=False, **options)

    def form(self, path: str, action: str, **having: str) -> SeenForm:
        """The first form of a page that goes there and has these values."""
        found = [one for one in forms(self.see(path).text) if one.action == action]
        return next(one for one in found if having.items() <= one.fields.items())

    def send(self, form: SeenForm, headers: dict[str, str] | None = None, **typed: Sent):
        """Send a form, with what is typed into it."""
        sent = form.fields | typed
        return self.world.http.post(form.action, data=sent, headers=headers, follow_redirects=False)
