"""For operators (and, for members, project leads): people, projects and grants."""

from __future__ import annotations

from typing import Annotated

import typer

from almanac.cli import options, output, plan, terms
from almanac.cli.options import Json, command

Person = Annotated[str, typer.Argument(metavar="PERSON", help="An account's name.")]
ProjectName = Annotated[str, typer.Argument(metavar="PROJECT", help="A project's name.")]
MaxNodes = Annotated[
    int | None, typer.Option("--max-nodes", min=0, help="Most nodes at a time; no limit if not given.")
]
MaxBookings = Annotated[
    int | None, typer.Option("--max-bookings", min=0, help="Most bookings of a person; no limit if not given.")
]
Site = Annotated[str, typer.Argument(metavar="SITE", help="A site's name; see: almanac sites.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    admin = options.group("People, projects and grants (operators).")
    people = options.group("Accounts.")
    command(people, "list", example="almanac admin people list")(list_people)
    command(people, "add", example="almanac admin people add ada")(add_person)
    command(people, "disable", example="almanac admin people disable ada")(disable_person)
    projects = options.group("Projects and their quotas.")
    command(projects, "list", example="almanac admin projects list")(list_projects)
    command(projects, "add", example='almanac admin projects add gaia --title "Gaia DR4" --max-nodes 8')(add_project)
    command(projects, "quotas", example="almanac admin projects quotas gaia --max-nodes 40")(set_quotas)
    members = options.group("Who is in a project.")
    command(members, "add", example="almanac admin members add gaia ada --role lead")(add_member)
    command(members, "remove", example="almanac admin members remove gaia ada")(remove_member)
    grants = options.group("Node-hours for projects.")
    command(grants, "list", example="almanac admin grants list gaia")(list_grants)
    command(grants, "add", example="almanac admin grants add gaia local 500 --for 90d")(add_grant)
    command(admin, "invite", example="almanac admin invite ada")(invite)
    for name, part in (("people", people), ("projects", projects), ("members", members), ("grants", grants)):
        admin.add_typer(part, name=name)
    plan.register_admin(admin)
    terms.register(admin)
    app.add_typer(admin, name="admin", rich_help_panel="Account")


def list_people(json: Json = False) -> None:
    """All accounts."""
    with options.client() as client:
        found = client.admin.people()
    if json:
        output.as_json(found)
        return
    rows = [(p.name, "operator" if p.operator else "", "disabled" if p.disabled else "") for p in found]
    output.table(("Person", "", ""), rows, empty="There is nobody.")


def add_person(
    name: Person,
    operator: Annotated[bool, typer.Option("--operator", help="May do everything, everywhere.")] = False,
    json: Json = False,
) -> None:
    """Make an account, or let a disabled one in again."""
    with options.client() as client:
        made = client.admin.add_person(name, operator=operator)
    _done(made, f"{made.name} has an account. Let them in: almanac admin invite {made.name}", json=json)


def disable_person(name: Person, json: Json = False) -> None:
    """Close an account; its tokens are dead at once."""
    with options.client() as client:
        client.admin.disable_person(name)
    _done({"name": name, "disabled": True}, f"{name} can't sign in any more.", json=json)


def invite(name: Person, json: Json = False) -> None:
    """Make a one-time token with which a person signs in. It is printed this once."""
    with options.client() as client:
        made = client.admin.invite(name)
        url = client.url
    if json:
        output.as_json(made)
        return
    output.note(
        f"Give this to {name}, privately. It works once, with: almanac login {url}, or in a browser at {url}/sign-in/link"
    )
    output.plain(made.one_time_token)


def list_projects(json: Json = False) -> None:
    """The projects that I see."""
    with options.client() as client:
        found = client.admin.projects()
    if json:
        output.as_json(found)
        return
    rows = [
        (p.name, p.title, _limit(p.max_nodes), _limit(p.max_bookings_per_person), ", ".join(_members(p.members)))
        for p in found
    ]
    output.table(("Project", "", "Nodes", "Bookings each", "Members"), rows, empty="There is no project.")


def add_project(
    name: ProjectName,
    title: Annotated[str, typer.Option("--title", help="For people.")] = "",
    max_nodes: MaxNodes = None,
    max_bookings: MaxBookings = None,
    json: Json = False,
) -> None:
    """Make a project."""
    with options.client() as client:
        made = client.admin.add_project(name, title=title, max_nodes=max_nodes, max_bookings_per_person=max_bookings)
    _done(made, f"There is a project {name} now. Add people: almanac admin members add {name} PERSON", json=json)


def set_quotas(
    name: ProjectName,
    max_nodes: MaxNodes = None,
    max_bookings: MaxBookings = None,
    json: Json = False,
) -> None:
    """Change a project's quotas: both are set, and one that isn't given has no limit from then on."""
    with options.client() as client:
        made = client.admin.set_quotas(name, max_nodes=max_nodes, max_bookings_per_person=max_bookings)
    said = f"{_limit(made.max_nodes)} nodes at a time, {_limit(made.max_bookings_per_person)} bookings each"
    _done(made, f"{name} may have {said}.", json=json)


def add_member(
    project: ProjectName,
    person: Person,
    role: Annotated[str, typer.Option("--role", help="member or lead.")] = "member",
    json: Json = False,
) -> None:
    """Put a person into a project, or change their role."""
    with options.client() as client:
        client.admin.set_member(project, person, role)
    _done({"project": project, "person": person, "role": role}, f"{person} is a {role} of {project}.", json=json)


def remove_member(project: ProjectName, person: Person, json: Json = False) -> None:
    """Take a person out of a project."""
    with options.client() as client:
        client.admin.remove_member(project, person)
    _done({"project": project, "person": person, "role": None}, f"{person} is not in {project} any more.", json=json)


def list_grants(project: ProjectName, json: Json = False) -> None:
    """A project's grants."""
    with options.client() as client:
        found = client.admin.grants(project)
    if json:
        output.as_json(found)
        return
    rows = [(g.project, g.site, g.node_hours, g.start, g.end) for g in found]
    output.table(("Project", "Site", "Node-hours", "From", "To"), rows, empty=f"{project} has no grant.")


def add_grant(
    project: ProjectName,
    site: Site,
    node_hours: Annotated[float, typer.Argument(metavar="NODE_HOURS", help="How much.")],
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="When it begins.")] = "now",
    length: Annotated[str, typer.Option("--for", metavar="LENGTH", help="How long it can be used.")] = "365d",
    json: Json = False,
) -> None:
    """Give node-hours to a project at a site."""
    begin = options.instant(start)
    with options.client() as client:
        made = client.admin.add_grant(project, site, node_hours, begin, begin + options.length(length))
    _done(made, f"{project} has {node_hours:g} more node-hours at {site}.", json=json)


def _done(result: object, sentence: str, *, json: bool) -> None:
    if json:
        output.as_json(result)
    else:
        output.say(sentence)


def _limit(value: int | None) -> str:
    return "no limit" if value is None else str(value)


def _members(members: object) -> list[str]:
    return [f"{name} ({role})" for name, role in members.items()] if isinstance(members, dict) else []
