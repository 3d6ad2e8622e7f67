"""The slow store of the worked examples: as much of WebHDFS as Spark asks for, and no faster than said."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from almanac.examples import slow_store
from almanac.examples.slow_store import SlowStore


@pytest.fixture
def store(tmp_path):
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "stars.csv").write_bytes(b"0123456789")
    (tmp_path / "secret").write_text("hidden")
    with SlowStore(tmp_path / "shown", 1e9) as store:
        yield store


def get(store: SlowStore, name: str, operation: str, **others: int) -> bytes:
    query = "&".join(f"{key}={value}" for key, value in {"op": operation, **others}.items())
    address = f"http://{urlsplit(store.url()).netloc}/webhdfs/v1/{name}?{query}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        return answer.read()


def test_a_file_is_described_and_listed(store):
    (listed,) = json.loads(get(store, "stars.csv", "LISTSTATUS"))["FileStatuses"]["FileStatus"]
    assert listed == json.loads(get(store, "stars.csv", "GETFILESTATUS"))["FileStatus"]
    assert (listed["type"], listed["length"], listed["pathSuffix"]) == ("FILE", 10, "")
    (entry,) = json.loads(get(store, "", "LISTSTATUS"))["FileStatuses"]["FileStatus"]
    assert entry["pathSuffix"] == "stars.csv"


def test_a_part_of_a_file_is_read(store):
    assert get(store, "stars.csv", "OPEN") == b"0123456789"
    assert get(store, "stars.csv", "OPEN", offset=4, length=3) == b"456"
    assert get(store, "stars.csv", "OPEN", offset=8, length=30) == b"89"
    assert get(store, "stars.csv", "OPEN", offset=80) == b""


def test_blocks_lie_nowhere_in_particular(store):
    found = json.loads(get(store, "stars.csv", "GETFILEBLOCKLOCATIONS"))
    assert found["BlockLocations"]["BlockLocation"] == []


@pytest.mark.parametrize("name", ["nothing.csv", "../secret", "%2e%2e/secret"])
def test_what_isnt_below_the_directory_isnt_there(store, name):
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(store, name, "OPEN")
    assert refused.value.code == 404
    assert json.loads(refused.value.read())["RemoteException"]["javaClassName"] == "java.io.FileNotFoundException"


def test_other_operations_are_refused(store):
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(store, "stars.csv", "GETACLSTATUS")
    assert refused.value.code == 400
    assert json.loads(refused.value.read())["RemoteException"]["message"] == "GETACLSTATUS"


def test_all_readers_together_get_the_rate(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(slow_store.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(slow_store.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    bucket = slow_store._Bucket(1000)
    for _ in range(100):
        bucket.wait(100)
    assert clock[0] == pytest.approx(100 + 10 - slow_store.SAVED_S)
    clock[0] += 60
    for _ in range(60):
        bucket.wait(100)
    assert clock[0] == pytest.approx(110 + 60 + 6 - 2 * slow_store.SAVED_S)
