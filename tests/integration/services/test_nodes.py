"""Machines join, are told what to do, and tell how they fare; over a real database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from tests.support.samples import NOW

from almanac.core.errors import BadRequest, NotFound, NotSignedIn
from almanac.core.ports import NodeDesk, NodeReport, Permanent, Temporary
from almanac.node.orders import Orders, Seat, Service
from almanac.node.parcel import END, Entry, Stamp
from almanac.services.nodes import Answer, Nodes, Told
from almanac.services.vault import Vault
from almanac.sites.simulated import SimulatedClock
from almanac.storage.database import Database

SOON = timedelta(minutes=10)
OWN = "almn_" + "a" * 43
OTHER = "almn_" + "b" * 43
ORDERS = Orders(
    services=(Service("notebook-seat-1", ("jupyter",), env={"JUPYTER_TOKEN": "hush-hush"}),),
    seats={"seat-1": Seat("/home/seat-1", "gaia/people/ada"), "seat-2": Seat("/home/seat-2")},
    logs="gaia/people/ada/bookings/b-1/logs",
)


@dataclass
class Rig:
    database: Database
    nodes: Nodes
    desk: NodeDesk
    clock: SimulatedClock
    storage: Path

    def joined(self, node: str = "head", own: str = OWN, cluster: str = "c-1", orders: Orders = ORDERS) -> str:
        token = self.desk.invite(cluster, node, SOON)
        self.desk.direct(cluster, node, orders.plain())
        self.nodes.join(token, own, "10.0.0.5", {"cores": 4})
        return own

    def only(self) -> NodeReport:
        (report,) = self.desk.reports()
        return report


@pytest.fixture
def rig(database: Database, tmp_path: Path) -> Rig:
    clock = SimulatedClock(NOW)
    nodes = Nodes(database, Vault(Fernet.generate_key()), clock, tmp_path / "storage", save_cap=10_000)
    return Rig(database, nodes, nodes.desk("sky", "https://almanac.test"), clock, tmp_path / "storage")


def test_a_machine_is_expected_then_there(rig: Rig) -> None:
    token = rig.desk.invite("c-1", "head", SOON)
    assert rig.only() == NodeReport("c-1", "head", wanted=0)
    assert rig.desk.direct("c-1", "head", ORDERS.plain()) == 1
    assert rig.nodes.join(token, OWN, "10.0.0.5", {"cores": 4}) == ("c-1", "head")
    assert rig.only() == NodeReport("c-1", "head", wanted=1, seen_at=NOW, facts={"cores": 4})
    assert rig.desk.url == "https://almanac.test"


def test_the_same_orders_again_are_no_news_and_others_are(rig: Rig) -> None:
    own = rig.joined()
    assert rig.nodes.orders(own) == (1, ORDERS.plain())
    assert rig.desk.direct("c-1", "head", ORDERS.plain()) == 1
    stop = Orders(stop=True)
    assert rig.desk.direct("c-1", "head", stop.plain()) == 2
    assert rig.nodes.orders(own) == (2, stop.plain())
    assert rig.nodes.report(own, Told(revision=1)).revision == 2
    assert (rig.only().wanted, rig.only().revision) == (2, 1)


def test_before_any_orders_there_is_nothing_to_do(rig: Rig) -> None:
    rig.nodes.join(rig.desk.invite("c-1", "head", SOON), OWN, "", {})
    assert rig.nodes.orders(OWN) == (0, Orders().plain())


def test_a_join_token_works_once_but_for_the_machine_that_used_it(rig: Rig) -> None:
    token = rig.desk.invite("c-1", "head", SOON)
    rig.nodes.join(token, OWN, "10.0.0.5", {})
    rig.nodes.join(token, OWN, "10.0.0.5", {})  # it crashed before it had the answer
    assert rig.only().trouble == ""
    with pytest.raises(NotSignedIn, match="used already"):
        rig.nodes.join(token, OTHER, "10.9.9.9", {})
    assert rig.only().trouble == "A machine at 10.9.9.9 came with a join token that is used already."
    rig.nodes.report(OWN, Told(trouble="The disk is full."))
    assert rig.only().trouble.endswith("used already. The disk is full.")
    with pytest.raises(NotSignedIn):
        rig.nodes.orders(OTHER)


def test_a_join_token_expires_and_the_site_hears_of_who_came_late(rig: Rig) -> None:
    token = rig.desk.invite("c-1", "head", SOON)
    rig.clock.advance(SOON)
    with pytest.raises(NotSignedIn, match="expired") as refused:
        rig.nodes.join(token, OWN, "10.0.0.5", {})
    assert "makes a new one" in refused.value.hint
    assert rig.only() == NodeReport(
        "c-1", "head", wanted=0, trouble="A machine at 10.0.0.5 came with a join token that is expired."
    )


@pytest.mark.parametrize("token", ["", "almj_" + "x" * 43, "alm_k3m9q2xa_" + "x" * 43, OWN])
def test_an_unknown_join_token(rig: Rig, token: str) -> None:
    with pytest.raises(NotSignedIn, match="unknown"):
        rig.nodes.join(token, OWN, "", {})


@pytest.mark.parametrize("own", ["", "short", "almn_", "alm_k3m9q2xa_" + "x" * 43])
def test_a_machine_brings_a_token_that_cant_be_guessed(rig: Rig, own: str) -> None:
    with pytest.raises(BadRequest):
        rig.nodes.join(rig.desk.invite("c-1", "head", SOON), own, "", {})


def test_a_new_invitation_voids_the_machine_before(rig: Rig) -> None:
    own = rig.joined()
    rig.nodes.report(own, Told(revision=1, services={"master": "ready"}))
    token = rig.desk.invite("c-1", "head", SOON)
    with pytest.raises(NotSignedIn, match="no more"):
        rig.nodes.report(own, Told())
    assert rig.only() == NodeReport("c-1", "head", wanted=1)
    rig.nodes.join(token, OTHER, "", {})
    assert rig.nodes.orders(OTHER)[0] == 1


def test_nothing_is_left_of_a_forgotten_cluster(rig: Rig) -> None:
    own = rig.joined()
    rig.desk.forget("c-1")
    rig.desk.forget("c-1")
    assert rig.desk.reports() == ()
    assert rig.desk.logs("c-1", "head") == {}
    for call in (rig.nodes.orders, rig.nodes.check, lambda token: rig.nodes.report(token, Told())):
        with pytest.raises(NotSignedIn):
            call(own)
    with pytest.raises(Temporary, match="isn't expected"):
        rig.desk.direct("c-1", "head", ORDERS.plain())


def test_each_site_sees_its_own(rig: Rig) -> None:
    rig.joined()
    other = rig.nodes.desk("sea", "https://almanac.test")
    assert other.reports() == ()
    other.forget("c-1")
    assert rig.only().cluster == "c-1"


def test_what_is_ready_anywhere_in_the_cluster_is_told(rig: Rig) -> None:
    head, worker = rig.joined(), rig.joined("worker-1", OTHER)
    rig.joined("head", "almn_" + "c" * 43, "c-2")
    assert rig.nodes.report(worker, Told(services={"worker-1": "starting"})) == Answer(1, ())
    services = {"master": "ready", "warm-up": "ended", "connect": "failed"}
    assert rig.nodes.report(head, Told(services=services)) == Answer(1, ("master", "warm-up"))
    assert rig.nodes.report(worker, Told(services={"worker-1": "ready"})).ready == ("master", "warm-up", "worker-1")
    assert rig.nodes.report("almn_" + "c" * 43, Told()).ready == ()


def test_times_are_by_almanacs_clock_and_never_go_back(rig: Rig) -> None:
    own, minute = rig.joined(), timedelta(minutes=1)
    rig.clock.advance(minute)
    rig.nodes.report(own, Told(idle=timedelta(seconds=5), saved=timedelta(seconds=10)))
    assert rig.only().last_active == NOW + minute - timedelta(seconds=5)
    assert rig.only().saved_at == NOW + minute - timedelta(seconds=10)
    rig.clock.advance(minute)
    rig.nodes.report(own, Told())  # the agent began anew and doesn't know
    assert rig.only().last_active == NOW + minute - timedelta(seconds=5)
    assert rig.only().seen_at == NOW + 2 * minute


def test_news_is_written_at_once_and_the_rest_now_and_then(rig: Rig) -> None:
    own, second = rig.joined(), timedelta(seconds=1)
    told = Told(revision=1, doing="resting")
    rig.nodes.report(own, told)
    rig.clock.advance(second)
    rig.nodes.report(own, told)
    assert rig.only().seen_at == NOW
    rig.clock.advance(second)
    rig.nodes.report(own, Told(revision=1, finished=True))
    assert (rig.only().seen_at, rig.only().finished) == (NOW + 2 * second, True)
    rig.clock.advance(5 * second)
    rig.nodes.report(own, Told(revision=1, finished=True))
    assert rig.only().seen_at == NOW + 7 * second


def test_nothing_secret_is_in_the_database(rig: Rig) -> None:
    token = rig.desk.invite("c-1", "head", SOON)
    rig.desk.direct("c-1", "head", ORDERS.plain())
    rig.nodes.join(token, OWN, "", {})
    with rig.database.engine.connect() as connection:
        kept = repr(connection.execute(text("SELECT * FROM nodes")).all())
    for secret in (token, OWN, "hush-hush", "JUPYTER_TOKEN"):
        assert secret not in kept


def test_orders_sealed_with_another_key_are_trouble_not_a_crash(rig: Rig) -> None:
    rig.joined()
    elsewhere = Nodes(rig.database, Vault(Fernet.generate_key()), rig.clock, rig.storage)
    with pytest.raises(Temporary, match=r"secret\.key"):
        elsewhere.desk("sky", "").direct("c-1", "head", ORDERS.plain())


@pytest.mark.parametrize(
    "change",
    [
        {"services": 1},
        {"logs": "../../etc"},
        {"logs": "/etc"},
        {"seats": {"seat-1": {"home": "/h", "files": "a/../b"}}},
    ],
)
def test_orders_that_are_none_or_lead_out_are_permanent(rig: Rig, change: dict[str, object]) -> None:
    rig.desk.invite("c-1", "head", SOON)
    with pytest.raises(Permanent):
        rig.desk.direct("c-1", "head", {**ORDERS.plain(), **change})


def parcel(*files: tuple[str, bytes], end: bytes = END) -> BytesIO:
    return BytesIO(b"".join(Entry("file", name, Stamp(5, len(data))).line() + data for name, data in files) + end)


def test_files_come_and_go(rig: Rig) -> None:
    own = rig.joined()
    assert b"".join(rig.nodes.seat_files(own, "seat-1")) == END
    assert rig.nodes.save_seat(own, "seat-1", parcel(("sky.ipynb", b"stars"))) == []
    assert (rig.storage / "gaia/people/ada/sky.ipynb").read_bytes() == b"stars"
    assert b"".join(rig.nodes.seat_files(own, "seat-1")) == parcel(("sky.ipynb", b"stars")).read()


def test_logs_are_kept_with_the_clusters_others(rig: Rig) -> None:
    rig.nodes.save_logs(rig.joined(), parcel(("master.log", b"up")))
    rig.nodes.save_logs(rig.joined("worker-1", OTHER), parcel(("worker-1.log", b"too")))
    kept = rig.storage / "gaia/people/ada/bookings/b-1/logs"
    assert {path.name: path.read_text() for path in kept.iterdir()} == {"master.log": "up", "worker-1.log": "too"}


def test_nobodys_files_and_unwanted_logs(rig: Rig) -> None:
    own = rig.joined(orders=Orders(seats=ORDERS.seats))
    for seat in ("seat-2", "seat-3", ".."):
        with pytest.raises(NotFound):
            rig.nodes.seat_files(own, seat)
        with pytest.raises(NotFound):
            rig.nodes.save_seat(own, seat, parcel())
    with pytest.raises(NotFound):
        rig.nodes.save_logs(own, parcel())


def test_a_broken_or_large_parcel_changes_nothing(rig: Rig) -> None:
    own = rig.joined()
    for bad in (parcel(("a", b"x"), end=b""), parcel(("a", b"x" * 10_001))):
        with pytest.raises(BadRequest, match="Nothing was saved"):
            rig.nodes.save_seat(own, "seat-1", bad)
    assert [path for path in rig.storage.rglob("*") if path.is_file()] == []


def test_the_last_lines_of_logs_are_shown(rig: Rig) -> None:
    rig.nodes.save_tails(rig.joined(), {"master": "listening\n"})
    assert rig.desk.logs("c-1", "head") == {"master": "listening\n"}
