"""What machines are told to mount: NFS, CephFS, and Manila's shares as its API tells of them."""

from __future__ import annotations

import pytest

from almanac.core.ports import Permanent, Temporary
from almanac.sites.openstack.check_data import Mounting
from almanac.sites.openstack.checking import Outcome, carried_out
from almanac.sites.openstack.data import Data
from almanac.sites.openstack.settings import Mount, MountType, OpenStackSettings

NFS = Mount(MountType.NFS, "10.0.0.5:/export/gaia", "vers=4.2")
SHARE = "011d21e2-fbc3-4e4a-9993-9ea223f73264"
SHARES = [
    {"id": SHARE, "name": "gaia-dr3", "share_proto": "NFS", "status": "available", "is_public": False},
    {"id": "406ea93b-32e9-4907-a117-148b3945749f", "name": "cfs", "share_proto": "CEPHFS", "status": "available"},
    {"id": "6fe2a2f8-7f3c-4b5e-a1d5-0e5fbc7d8f01", "name": "win", "share_proto": "CIFS", "status": "available"},
    {"id": "7a1", "name": "twice", "share_proto": "NFS"},
    {"id": "7a2", "name": "twice", "share_proto": "NFS"},
]
LOCATIONS = [
    {"path": "10.254.0.9:/shares/admin", "preferred": True, "is_admin_only": True, "id": "b6bd76ce"},
    {"path": "10.254.0.3:/shares/share-e1c2d35e", "preferred": False, "id": "2a9d2c2f"},
    {"path": "10.254.0.5:/shares/share-e1c2d35e", "preferred": True, "id": "eb9d2c2f"},
]
RULES = [
    {"access_type": "ip", "access_to": "10.0.0.0/24", "access_key": None, "access_level": "ro", "state": "active"},
    {"access_type": "cephx", "access_to": "ada", "access_key": "AQA1==", "access_level": "rw", "state": "active"},
    {"access_type": "cephx", "access_to": "almanac", "access_key": "AQB2==", "access_level": "ro", "state": "active"},
]


class Project:
    """A cloud with Manila, whose answers are as its API reference shows them."""

    name = "sky"

    def __init__(self, service="sharev2", locations=LOCATIONS, rules=RULES):
        self._service = service
        self._told = {
            "/shares/detail": {"shares": SHARES},
            "/share-access-rules": {"access_list": rules},
        } | {f"/shares/{share['id']}/export_locations": {"export_locations": locations} for share in SHARES}

    def has(self, service):
        return service == self._service

    def call(self, service, method, path, _doing, **_query):
        assert (service, method) == (self._service, "GET")
        return self._told[path]


def order(mount, project=None):
    (found,) = Data(project or Project(), {"gaia-dr3": mount}).orders(["gaia-dr3"])
    return found


def test_nfs_is_read_only_unless_the_operator_says_otherwise():
    assert order(NFS) == {
        "label": "gaia-dr3",
        "path": "/data/gaia-dr3",
        "what": "10.0.0.5:/export/gaia",
        "type": "nfs",
        "options": "vers=4.2,_netdev,nosuid,nodev,ro",
        "secret": "",
    }
    assert order(Mount(MountType.NFS, "a:/b", write=True))["options"] == "_netdev,nosuid,nodev,rw"


@pytest.mark.parametrize("text", ["AQD3==\n", "[client.gaia]\n\tkey = AQD3==\n\tcaps mds = allow r\n"])
def test_ceph_takes_its_key_from_a_file_of_the_operators(tmp_path, text):
    (tmp_path / "key").write_text(text)
    found = order(Mount(MountType.CEPH, "10.0.0.1:6789:/gaia", user="gaia", secret_file=tmp_path / "key"))
    assert (found["what"], found["type"], found["secret"]) == ("10.0.0.1:6789:/gaia", "ceph", "AQD3==")
    assert found["options"] == "name=gaia,_netdev,nosuid,nodev,ro"


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [(None, Temporary, "can't be read: No such file"), (b"\xff\xfe", Temporary, "it is no text"),
     (b"", Permanent, "neither a key nor a keyring"), (b"two words", Permanent, "neither a key nor a keyring")],
)  # fmt: skip
def test_a_secret_that_is_none_is_said_without_telling_it(tmp_path, content, error, words):
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(error, match=words) as raised:
        order(Mount(MountType.CEPH, "10.0.0.1:6789:/gaia", user="gaia", secret_file=tmp_path / "key"))
    assert str(raised.value).startswith("gaia-dr3 can't be mounted: ")
    assert "two words" not in str(raised.value)


@pytest.mark.parametrize("service", ["sharev2", "shared-file-system"])
@pytest.mark.parametrize("source", ["gaia-dr3", SHARE])
def test_a_share_is_found_by_name_or_id_at_its_preferred_address(source, service):
    found = order(Mount(MountType.MANILA, source), Project(service))
    assert (found["what"], found["type"]) == ("10.254.0.5:/shares/share-e1c2d35e", "nfs")


@pytest.mark.parametrize(("user", "name", "key"), [("", "ada", "AQA1=="), ("almanac", "almanac", "AQB2==")])
def test_a_cephfs_share_has_its_users_and_keys_itself(user, name, key):
    found = order(Mount(MountType.MANILA, "cfs", user=user))
    assert (found["type"], found["secret"]) == ("ceph", key)
    assert found["options"].startswith(f"name={name},")


def test_unless_the_operator_has_a_key(tmp_path):
    (tmp_path / "key").write_text("AQD3==")
    found = order(Mount(MountType.MANILA, "cfs", user="gaia", secret_file=tmp_path / "key"), Project(rules=[]))
    assert (found["options"].split(",")[0], found["secret"]) == ("name=gaia", "AQD3==")


@pytest.mark.parametrize(
    ("source", "project", "words"),
    [
        ("gaia-dr3", Project("block-storage"), "the cloud 'sky' has no Manila"),
        ("none", Project(), "there is no share none"),
        ("twice", Project(), "there are several shares twice"),
        ("win", Project(), "win is a share of type CIFS; machines mount NFS and CephFS"),
        ("gaia-dr3", Project(locations=[]), "its share has no address yet"),
        ("cfs", Project(rules=RULES[:1]), "no rule lets anybody mount the share cfs"),
    ],
)
def test_a_share_that_can_not_be_mounted_is_said(source, project, words):
    with pytest.raises(Permanent, match=f"^gaia-dr3 can't be mounted: {words}.$"):
        order(Mount(MountType.MANILA, source), project)


def test_what_lies_elsewhere_is_left_out():
    assert Data(Project(), {"gaia-dr3": NFS}).orders(["euclid"]) == []


@pytest.mark.parametrize("boot", [False, True])
def test_a_check_says_what_only_a_machine_can_find_out(boot):
    class Trial:
        cloud = Project()
        settings = OpenStackSettings(
            "sky", "debian", mounts={"gaia-dr3": NFS, "lost": Mount(MountType.MANILA, "none", write=True)}
        )

    good, bad = ((step.title, carried_out(step)) for step in Mounting(Trial, boot).steps())
    assert (good[0], good[1].outcome) == ("data gaia-dr3", Outcome.OK if boot else Outcome.NOTE)
    assert good[1].says.startswith("gaia-dr3 is 10.0.0.5:/export/gaia (nfs), for reading.")
    assert ("--boot" in good[1].mend) is not boot
    assert bad[1].outcome is Outcome.FAILED
    assert bad[1].says == "lost can't be mounted: there is no share none."
    assert bad[1].mend.endswith("openstack.mounts.lost.")
