"""The almanac command as people use it: real processes, a real server, the simulated site."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.support.terminal import SIMULATED, Terminal, serving


@pytest.fixture(scope="module")
def almanac(tmp_path_factory) -> Iterator[Terminal]:
    """The operator's terminal on a server with one small simulated host."""
    with serving(tmp_path_factory.mktemp("almanac"), SIMULATED) as terminal:
        yield terminal


@pytest.fixture
def fresh(tmp_path) -> Iterator[Terminal]:
    """A terminal without a server yet."""
    terminal = Terminal(tmp_path, SIMULATED)
    yield terminal
    terminal("down", "--release")


@pytest.fixture
def booking(almanac) -> Iterator[str]:
    """A booking that is ready."""
    booked = almanac.ask("book", "spark-small", "--for", "1h", "--wait")
    yield booked["id"]
    almanac("release", booked["id"], "--wait")


def refused(said, code: int, *words: str) -> None:
    """It failed with one sentence and a hint, and nothing on standard output."""
    assert (said.code, said.out) == (code, "")
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err


# --- the server ---------------------------------------------------------------------------------------------------------


def test_the_first_start_signs_this_terminal_in_once(fresh):
    said = fresh("up", "--port", "0")
    assert said.code == 0
    assert "signed in as admin" in said.out
    assert stat.S_IMODE(fresh.credentials.stat().st_mode) == 0o600
    assert not (fresh.state / "first-token").exists()
    again = fresh("up", "--port", "0")
    assert "already up" in again.out
    assert fresh.ask("status")["person"] == "admin"
    kept = fresh.credentials.read_text()
    assert fresh("down").out.startswith("Almanac is down.")
    assert fresh("down").out.startswith("Almanac was not running.")
    fresh("up", "--port", "0")  # on another port, the same server with the same people
    assert fresh.ask("status")["person"] == "admin"
    token = kept.partition('token = "')[2].partition('"')[0]
    assert token in fresh.credentials.read_text()
    logs = "".join(path.read_text() for path in (fresh.state / "log").iterdir())
    assert token not in logs
    assert "alm_" not in logs


def test_without_signing_in_the_one_time_token_is_printed_and_works_once(fresh):
    told = fresh.ask("up", "--port", "0", "--no-sign-in")
    assert told["person"] is None
    assert not fresh.credentials.exists()
    refused(fresh("bookings"), 3 if "ALMANAC_URL" not in fresh.more else 1)
    here = Terminal(fresh.home, {**SIMULATED, "ALMANAC_URL": told["url"]})
    refused(here("bookings"), 1, "almanac login")
    signed = here("login", typed=told["one_time_token"] + "\n")
    assert (signed.code, signed.out) == (0, f"Signed in at {told['url']} as admin.\n")
    assert here.ask("bookings") == []
    refused(here.elsewhere("eve")("login", typed=told["one_time_token"]), 1, "redeemed")
    refused(here("login", typed="no token\x07"), 2, "no token")
    assert "Signed out" in here("logout").out
    refused(here("bookings"), 1)
    assert "not signed in" in here("logout").out


def test_a_second_server_on_the_same_directory_is_refused(almanac):
    command = [sys.executable, "-m", "almanac.server", "--state", str(almanac.state), "--port", "0"]
    done = subprocess.run(command, env=almanac.environment, capture_output=True, text=True, check=False)
    pid = json.loads((almanac.state / "server.json").read_text())["pid"]
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == f"Another Almanac (process {pid}) runs on {almanac.state}."


def test_a_port_that_is_taken_is_said(almanac, fresh):
    port = almanac.ask("status")["server"]["url"].rpartition(":")[2]
    refused(fresh("up", "--port", port), 1, f"Port {port} of 127.0.0.1 can't be used", "almanac up --port 8485")
    refused(fresh("up", "--port", "99999999"), 2, "See: almanac up --help")


def test_a_state_directory_that_cant_be_used_is_said(tmp_path):
    (tmp_path / "state").write_text("a file")
    refused(Terminal(tmp_path, SIMULATED)("up", "--port", "0"), 1, "can't be used", "--state DIR")


def test_a_database_that_isnt_there_is_said_without_its_password(fresh):
    url = "postgresql+psycopg://ada:hush@127.0.0.1:1/almanac"
    said = fresh("up", "--port", "0", "--database", url)
    assert said.code == 1
    assert "hush" not in said.out + said.err + (fresh.state / "log" / "server.log").read_text()


def test_a_wrong_setting_is_said(tmp_path):
    terminal = Terminal(tmp_path, {**SIMULATED, "ALMANAC_TICK_S": "soon"})
    refused(terminal("up", "--port", "0"), 1, "tick_s")


def test_a_server_that_was_killed_starts_again_with_everything(fresh):
    told = fresh.ask("up", "--port", "0")
    booked = fresh.ask("book", "spark-small", "--for", "1h", "--wait")
    os.kill(told["pid"], signal.SIGKILL)
    psutil.wait_procs([psutil.Process(told["pid"])] if psutil.pid_exists(told["pid"]) else [], timeout=10)
    refused(fresh("bookings"), 3, "No Almanac answers", "almanac up")
    assert fresh.ask("up", "--port", "0")["started"]
    assert fresh.ask("show", booked["id"])["booking"]["status"] == "ready"


def test_down_says_what_keeps_running_and_release_ends_it(fresh):
    fresh("up", "--port", "0")
    booked = fresh.ask("book", "spark-small", "--for", "1h", "--wait")
    later = fresh.ask("book", "spark-small", "--for", "1h", "--at", "tomorrow 10:00")
    assert f"1 cluster keeps running ({booked['id']})" in fresh("down").out
    fresh("up", "--port", "0")
    assert fresh("down", "--release").code == 0
    fresh("up", "--port", "0")
    assert fresh.ask("show", booked["id"])["booking"]["status"] == "ended"
    assert fresh.ask("show", later["id"])["booking"]["status"] == "booked"
    assert [site["drained"] for site in fresh.ask("sites")] == [False]


def test_in_the_foreground_until_ctrl_c(fresh):
    with fresh.start("up", "--port", "0", "--foreground") as process:
        assert process.stdout.readline().startswith("Almanac is up at http://127.0.0.1:")
        assert fresh.ask("up")["person"] == "admin"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert not fresh.ask("down")["was_running"]


def test_nothing_listens_beyond_loopback(almanac):
    pid = json.loads((almanac.state / "server.json").read_text())["pid"]
    server = psutil.Process(pid)
    connections = [c for each in (server, *server.children()) for c in each.net_connections()]
    assert {c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


def test_a_stream_of_events_doesnt_keep_the_server_from_stopping(fresh):
    fresh("up", "--port", "0")
    booked = fresh.ask("book", "spark-small", "--for", "1h", "--at", "tomorrow 10:00")
    with fresh.start("wait", booked["id"]) as waiting:
        assert booked["id"] in waiting.stderr.readline()
        assert fresh("down").code == 0
        waiting.send_signal(signal.SIGINT)
        _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 130
    assert f"almanac wait {booked['id']}" in err


# --- looking ------------------------------------------------------------------------------------------------------------


def test_status_profiles_and_sites(almanac):
    assert "admin" in almanac("status").out
    assert {"notebook", "spark-small"} <= {p["name"] for p in almanac.ask("profiles")}
    assert "spark-small" in almanac("profiles").out
    assert almanac.ask("sites")[0]["total"]["cores"] == 16
    assert "16 of 16 free" in almanac("sites").out


def test_free_lists_windows_on_a_line_of_time(almanac):
    found = almanac.ask("free", "spark-small", "--for", "2h", "--within", "next 3 days", "--limit", "3")
    assert len(found["offers"]) == 3
    said = almanac("free", "spark-small", "--for", "2h")
    assert "████" in said.out.replace("#", "█")  # a pipe may not know the block
    assert "almanac book spark-small --for 2h" in said.out


def test_free_in_a_full_hour_says_what_would_fit(almanac):
    full = almanac.ask("book", "spark-class", "--for", "2h", "--at", "tomorrow 06:00", "--seats", "30")
    window = "tomorrow 06:00 to tomorrow 08:00"
    said = almanac("free", "spark-class", "--for", "2h", "--seats", "30", "--within", window)
    almanac("cancel", full["id"])
    assert said.code == 1
    assert "almanac book spark-class" in said.out


# --- booking ------------------------------------------------------------------------------------------------------------


def test_book_wait_use_and_release(almanac):
    said = almanac("book", "spark-small", "--for", "1h", "--title", "Gaia [DR4]", "--wait")
    assert said.code == 0
    booking = said.out.split()[0]
    assert "being built" in said.err
    assert re.search(r"\[\d/5\]", said.err)
    assert "Gaia [DR4]" in almanac("bookings").out
    assert "ready" in almanac("show", booking).out
    assert almanac("wait", booking).code == 0
    assert "now ends" in almanac("extend", booking, "--by", "1h").out
    assert "can be extended until" in almanac("extend", booking, "--how-long").out
    assert "now ends" in almanac("shorten", booking, "--until", "in 30m").out
    assert almanac("release", booking, "--wait").out == f"{booking} is over\n"
    assert booking not in almanac("bookings").out
    assert booking in almanac("bookings", "--all").out
    kinds = [event["kind"] for event in almanac.ask("show", booking)["events"]]
    assert kinds[:3] == ["booked", "building", "ready"]
    assert "charge" in almanac("ledger", "--lines").out


def test_a_receipt_and_the_same_again(almanac):
    booked = almanac.ask("book", "spark-small", "--for", "1h", "--title", "Cepheids", "--wait")
    refused(almanac("receipt", booked["id"]), 1, "There is no receipt yet", f"almanac show {booked['id']}")
    almanac("release", booked["id"], "--wait")
    said = almanac("receipt", booked["id"]).out
    for words in ("Cepheids", "after its start", "node-hours", "logs", f"almanac book --again {booked['id']}"):
        assert words in said
    assert almanac.ask("receipt", booked["id"])["readiness"]["late_s"] >= 0
    again = almanac.ask("book", "--again", booked["id"], "--at", "tomorrow 10:00", "--for", "30m")
    assert (again["profile"], again["title"], again["status"]) == ("spark-small", "Cepheids", "booked")
    almanac("cancel", again["id"])
    assert "never" in almanac("receipt", again["id"]).out
    refused(almanac("book", "spark-small"), 2, "how long", "--again")


def test_a_feed_of_ones_bookings(almanac):
    url = almanac("feed", "add").out.strip()
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - its own loopback address
        assert answer.read().startswith(b"BEGIN:VCALENDAR")
    (feed,) = almanac.ask("feed", "list")
    assert feed["id"] in almanac("feed", "list").out
    assert "works no more" in almanac("feed", "revoke", feed["id"]).out
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(url)  # noqa: S310 - its own loopback address
    secret = url.rpartition("/")[2].removesuffix(".ics")
    assert secret not in (almanac.state / "log" / "server.log").read_text()


def test_offer_accept_cancel(almanac):
    offered = almanac.ask("offer", "spark-small", "--for", "1h", "--at", "tomorrow 10:00")
    assert offered["status"] == "offered"
    assert almanac("accept", offered["id"]).out.startswith(f"{offered['id']} is booked, starts")
    refused(almanac("accept", offered["id"]), 1)
    assert almanac("cancel", offered["id"]).out == f"{offered['id']} is cancelled\n"
    refused(almanac("wait", offered["id"]), 1, "cancelled")


def test_resize(almanac):
    booked = almanac.ask("book", "spark-class", "--for", "1h", "--at", "tomorrow 20:00", "--seats", "2")
    assert almanac.ask("resize", booked["id"], "--seats", "4")["seats"] == 4
    almanac("cancel", booked["id"])


def test_a_refusal_is_an_exit_code_a_sentence_and_commands_that_work(almanac):
    full = almanac.ask("book", "spark-class", "--for", "2h", "--at", "tomorrow 06:00", "--seats", "30")
    try:
        arguments = ("book", "spark-class", "--for", "2h", "--at", "tomorrow 06:00", "--seats", "30")
        said = almanac(*arguments)
        refused(said, 1, "What would fit:", "almanac book spark-class")
        commands = almanac(*arguments, "--json").json["error"]["details"]["commands"]
        assert all(command in said.err for command in commands)
        done = subprocess.run(
            ["sh", "-c", commands[0].replace("almanac ", f"{sys.executable} -m almanac.cli ", 1) + " --json"],
            env=almanac.environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        almanac("cancel", json.loads(done.stdout)["id"])
    finally:
        almanac("cancel", full["id"])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("book", "spark-small"), 2, ("--for", "almanac book --help")),
        (("book", "spark-small", "--for", "2x"), 2, ("not a length", "90m")),
        (("book", "spark-small", "--for", "2h", "--at", "someday"), 2, ("not a time", "tomorrow 10:00")),
        (("book", "spark-small", "--for", "2h", "--at", "2020-01-01 10:00"), 2, ("past",)),
        (("book", "spark-small", "--for", "200h"), 2, ("at most",)),
        (("book", "spark-small", "--for", "2h", "--seats", "0"), 2, ("--seats",)),
        (("book", "spark-small", "--for", "2h", "--project", "nobodys"), 1, ("not a member",)),
        (("book", "spark-nonsense", "--for", "2h"), 1, ("no profile", "spark-small")),
        (("free", "spark-small", "--for", "2h", "--within", "whenever"), 2, ("not a window",)),
        (("show", "b-nothing"), 1, ("no booking",)),
        (("extend", "b-nothing"), 2, ("--by",)),
        (("extend", "b-nothing", "--by", "1h", "--until", "18:00"), 2, ("either",)),
        (("accept", "../me"), 1, ()),
        (("run", "b-nothing", "x.py"), 1, ("no booking",)),
        (("nonsense",), 2, ("No such command", "almanac --help")),
        (("admin", "grants", "add", "nobodys", "simulated", "5"), 1, ("project",)),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_what_cant_be_is_said_in_a_sentence(almanac, arguments, code, words):
    refused(almanac(*arguments), code, *words)


def test_errors_as_json(almanac):
    said = almanac("show", "b-nothing", "--json")
    assert (said.code, said.err) == (1, "")
    assert set(said.json["error"]) == {"code", "message", "hint", "details"}


# --- using --------------------------------------------------------------------------------------------------------------


def test_connect_prints_addresses_whole_and_exports_for_a_shell(almanac, booking):
    told = almanac.ask("connect", booking)
    lines = almanac("connect", booking).out.splitlines()
    assert told["connect_url"] in lines
    assert told["seats"][0]["notebook_url"] in lines
    exports = almanac("connect", booking, "--shell").out
    shell = subprocess.run(["sh", "-c", f'{exports}echo "$SPARK_REMOTE"'], capture_output=True, text=True, check=True)
    assert shell.stdout.strip() == told["connect_url"]


def test_connect_before_it_is_ready_says_so(almanac):
    booked = almanac.ask("book", "spark-small", "--for", "1h", "--at", "tomorrow 10:00")
    refused(almanac("connect", booked["id"]), 1, f"{booked['id']} is booked")
    almanac("cancel", booked["id"])


def test_logs(almanac, booking):
    assert "== master" in almanac("logs", booking).out
    assert list(almanac.ask("logs", booking, "--service", "connect", "--tail", "1")) == ["connect"]


def test_logs_are_followed_until_the_booking_is_over(almanac):
    booked = almanac.ask("book", "spark-small", "--for", "1h", "--wait")
    with almanac.start("logs", booked["id"], "--service", "master", "--follow") as following:
        assert following.stdout.readline()
        almanac("release", booked["id"], "--wait")
        following.communicate(timeout=60)
    assert following.returncode == 0


# --- people -------------------------------------------------------------------------------------------------------------


def test_an_operator_lets_people_in_and_they_see_only_theirs(almanac, booking):
    assert "has an account" in almanac("admin", "people", "add", "ada").out
    almanac("admin", "projects", "add", "gaia", "--title", "Gaia", "--max-nodes", "8")
    almanac("admin", "members", "add", "gaia", "ada", "--role", "lead")
    assert "500 more node-hours" in almanac("admin", "grants", "add", "gaia", "simulated", "500", "--for", "90d").out
    assert almanac.ask("admin", "grants", "list", "gaia")[0]["node_hours"] == 500
    invitation = almanac("admin", "invite", "ada").out.strip()
    url = almanac.ask("status")["server"]["url"]
    ada = almanac.elsewhere("ada")
    assert ada("login", url, typed=invitation).code == 0
    assert ada.ask("bookings") == []
    refused(ada("show", booking), 1, "no booking")
    refused(ada("admin", "people", "list"), 1)
    hers = ada.ask("book", "spark-small", "--for", "1h", "--at", "tomorrow 10:00")
    assert hers["project"] == "gaia"
    assert hers["id"] in almanac("bookings", "--everyone").out
    assert "ada (lead)" in almanac("admin", "projects", "list").out
    ada("cancel", hers["id"])
    almanac("admin", "people", "disable", "ada")
    refused(ada("bookings"), 1)
    assert "disabled" in almanac("admin", "people", "list").out
    almanac("admin", "members", "remove", "gaia", "ada")


def test_tokens(almanac):
    token = almanac("tokens", "create", "nightly", "--role", "member", "--for", "30d").out.strip()
    listed = {made["name"]: made for made in almanac.ask("tokens", "list")}
    assert listed["nightly"]["role"] == "member"
    script = Terminal(almanac.home, {**almanac.more, "ALMANAC_TOKEN": token})
    assert script.ask("bookings") == []
    refused(script("admin", "people", "list"), 1)
    assert "works no more" in almanac("tokens", "revoke", listed["nightly"]["id"]).out
    refused(script("bookings"), 1)


def test_draining_a_site_says_what_is_left_there(almanac, booking):
    said = almanac("site", "drain", "simulated").out
    try:
        assert "simulated takes no new bookings. To take them again: almanac site undrain simulated" in said
        assert re.search(rf"{booking} +admin +default +spark-small +ready", said)
        assert "simulated is empty from" in said
        assert [b["id"] for b in almanac.ask("site", "drain", "simulated")["bookings"]] == [booking]
        refused(almanac("book", "spark-small", "--for", "1h"), 1, "drained")
        assert "drained" in almanac("sites").out
        almanac("release", booking, "--wait")
        assert "Nothing is booked at simulated: it is empty." in almanac("site", "drain", "simulated").out
    finally:
        assert almanac("site", "undrain", "simulated").out == "simulated takes bookings again.\n"
    refused(almanac("site", "drain", "moon"), 1, "no site moon", "Sites: simulated.")


def test_credentials_that_others_can_read_are_refused(almanac, tmp_path):
    copy = tmp_path / "credentials.toml"
    copy.write_bytes(almanac.credentials.read_bytes())
    copy.chmod(0o644)
    other = Terminal(almanac.home, {**almanac.more, "ALMANAC_CONFIG": str(copy)})
    refused(other("bookings"), 1, "chmod 600")


# --- terminals ----------------------------------------------------------------------------------------------------------


def test_colours_only_where_they_are_wanted(almanac):
    assert "\x1b[" not in almanac("status").out
    forced = Terminal(almanac.home, {**almanac.more, "FORCE_COLOR": "1", "NO_COLOR": "1"})
    assert "\x1b[3" not in forced("profiles").out


def test_a_reader_that_leaves_is_no_error(almanac):
    command = f"{sys.executable} -m almanac.cli profiles --json | head -n 1"
    done = subprocess.run(["bash", "-c", command], env=almanac.environment, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[\n", "")


def test_a_narrow_terminal(almanac, booking):
    """A real terminal of 40 columns: nothing is cut off, and addresses stay whole."""
    import pty

    narrow = Terminal(almanac.home, {**almanac.more, "COLUMNS": "40", "TERM": "xterm"})
    for arguments in (("bookings",), ("connect", booking), ("free", "spark-small", "--for", "2h")):
        ours, theirs = pty.openpty()
        with narrow.start(*arguments, stdin=subprocess.DEVNULL) as plain:
            whole = plain.communicate(timeout=60)[0]
        command = [sys.executable, "-m", "almanac.cli", *arguments]
        with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, env=narrow.environment) as process:
            os.close(theirs)
            shown = _read_all(ours)
            process.wait(timeout=60)
        assert process.returncode == 0
        assert "…" not in shown
        if arguments[0] == "connect":
            assert all(line in shown for line in whole.splitlines() if "://" in line)


def _read_all(handle: int) -> str:
    parts = []
    try:
        while part := os.read(handle, 65536):
            parts.append(part)
    except OSError:  # the other side is closed
        pass
    finally:
        os.close(handle)
    return b"".join(parts).decode()


def test_no_secret_is_on_a_command_line(almanac):
    pid = json.loads((almanac.state / "server.json").read_text())["pid"]
    secret = Path(almanac.credentials).read_text().partition('token = "')[2].partition('"')[0]
    assert secret not in " ".join(psutil.Process(pid).cmdline())
