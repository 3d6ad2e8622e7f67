"""What an operator says of shared data: read from settings and catalogue, and what isn't right said in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from almanac.core.catalogue import Profile
from almanac.core.errors import BadRequest
from almanac.services.profile_file import check_data, read
from almanac.settings import load
from almanac.sites.local.data import Mount as LocalMount
from almanac.sites.local.data import concern
from almanac.sites.openstack.settings import Mount, MountType

CLOUD = 'public_url = "https://almanac.example.org"\n[[openstack]]\nname = "east"\ncloud = "c"\nimage = "i"\n'


@pytest.fixture
def written(tmp_path: Path):
    """Settings as ``almanac.toml`` says them."""

    def load_text(text: str):
        (tmp_path / "almanac.toml").write_text(text)
        return load(state=tmp_path)

    return load_text


def test_what_a_site_mounts_lies_there(written):
    settings = written(
        '[local]\ndata = ["euclid"]\n[local.mounts.gaia-dr3]\nsource = "/srv/gaia"\n'
        '[local.mounts.shared]\nsource = "/srv/shared"\nwrite = true\n'
    )
    assert settings.local.terms.data == {"euclid", "gaia-dr3", "shared"}
    mounts = {label: each.mount for label, each in settings.local.mounts.items()}
    assert mounts == {"gaia-dr3": LocalMount(Path("/srv/gaia")), "shared": LocalMount(Path("/srv/shared"), write=True)}


def test_what_a_cloud_mounts_reaches_its_site(written):
    (cloud,) = written(
        CLOUD + '[openstack.mounts.gaia-dr3]\ntype = "nfs"\nsource = "10.0.0.5:/gaia"\noptions = "vers=4.2"\n'
        '[openstack.mounts.survey]\ntype = "ceph"\nsource = "10.0.0.1:6789:/s"\nuser = "u"\nsecret_file = "/etc/k"\n'
        '[openstack.mounts.share]\ntype = "manila"\nsource = "survey-3"\nwrite = true\n'
    ).openstack
    assert cloud.terms.data == {"gaia-dr3", "survey", "share"}
    assert cloud.site.mounts == {
        "gaia-dr3": Mount(MountType.NFS, "10.0.0.5:/gaia", "vers=4.2"),
        "survey": Mount(MountType.CEPH, "10.0.0.1:6789:/s", user="u", secret_file=Path("/etc/k")),
        "share": Mount(MountType.MANILA, "survey-3", write=True),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[local.mounts."gaia.dr3"]\nsource = "/srv/x"', "'gaia.dr3' can't name a mount: lower-case letters, digits"),
        ('[local.mounts."../etc"]\nsource = "/srv/x"', "can't name a mount"),
        ('[local.mounts.Gaia]\nsource = "/srv/x"', "can't name a mount"),
        ('[local.mounts.gaia]\nsource = "srv/x"', 'no absolute path: write one such as source = "/srv/gaia-dr3"'),
        ('[local.mounts.gaia]\nsource = "/srv/../etc"', "no absolute path"),
        ('[local.mounts.gaia]\nsource = "/"', "the whole machine can't be mounted"),
        ("[local.mounts.gaia]", "local.mounts.gaia.source: Field required"),
        ('[local.mounts.gaia]\nsource = "/a"\n[local.mounts.gaia]\nsource = "/b"', "can't be read: Cannot declare"),
        (CLOUD + '[openstack.mounts.g]\ntype = "nfs"\nsource = "/export"', "an NFS source is HOST:/PATH"),
        (CLOUD + '[openstack.mounts.g]\ntype = "smb"\nsource = "a:/b"', "'nfs', 'ceph' or 'manila'"),
        (CLOUD + '[openstack.mounts.g]\ntype = "ceph"\nsource = "a:/b"\nuser = "u"', "a user and a secret_file"),
        (CLOUD + '[openstack.mounts.g]\ntype = "nfs"\nsource = "a:/b"\noptions = "rw"', "leave rw out: 'write' says"),
        (CLOUD + '[openstack.mounts.g]\ntype = "ceph"\nsource = "a:/b"\noptions = "secret=A"', "name a secret_file"),
        (CLOUD + '[openstack.mounts.g]\ntype = "nfs"\nsource = "a:/b\\n[Mount]"', "String should match"),
    ],
)
def test_what_is_not_right_is_said(written, text, words):
    with pytest.raises(BadRequest) as raised:
        written(text)
    assert words in raised.value.message


@pytest.mark.parametrize("source", ["{state}", "{state}/shared", "{state}/.."])
def test_almanacs_own_files_are_not_seen_through_a_mount(written, tmp_path, source):
    path = Path(source.format(state=tmp_path)).resolve()
    with pytest.raises(BadRequest, match="Almanac's own files"):
        written(f'[local.mounts.gaia]\nsource = "{path}"')


def test_nor_through_a_link(written, tmp_path):
    (tmp_path / "innocent").symlink_to(tmp_path)
    with pytest.raises(BadRequest, match="Almanac's own files"):
        written(f'[local.mounts.gaia]\nsource = "{tmp_path}/innocent"')


@pytest.fixture
def profile(tmp_path: Path):
    """The only profile of a catalogue file, with a line of its own."""

    def read_with(line: str) -> Profile:
        path = tmp_path / "profiles.toml"
        path.write_text(f'[profiles.survey]\ntitle = "A survey"\nhead = "small"\n{line}\n')
        (found,) = read(path).profiles
        return found

    return read_with


@pytest.mark.parametrize(
    ("line", "labels"),
    [
        ("", ()),
        ('data = ""', ()),
        ('data = "gaia-dr3"', ("gaia-dr3",)),
        ('data = ["gaia-dr3", "survey-2"]', ("gaia-dr3", "survey-2")),
    ],
)
def test_a_profile_names_one_label_or_several(profile, line, labels):
    assert profile(line).data == labels


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('data = ["gaia-dr3", "gaia-dr3"]', "4: profiles.survey.data: Value error, the same label is named twice"),
        ('data = ["../etc"]', "4: profiles.survey.data.0"),
        ("data = 3", "4: profiles.survey.data"),
    ],
)
def test_labels_that_can_not_be_are_named_with_their_line(profile, line, words):
    with pytest.raises(BadRequest) as raised:
        profile(line)
    assert words in raised.value.message


def test_data_that_no_site_has_is_said_with_what_there_is():
    profiles = [Profile("plain", "", "head"), Profile("survey", "", "head", data=("gaia-dr3", "gaia-dr4"))]
    check_data(profiles, {"gaia-dr3", "gaia-dr4"})
    with pytest.raises(BadRequest, match=r"survey asks for the data gaia-dr4, which no site has") as raised:
        check_data(profiles, {"gaia-dr3", "euclid"})
    assert raised.value.hint.startswith("There is: euclid, gaia-dr3.")
    with pytest.raises(BadRequest, match=r"gaia-dr3 and gaia-dr4") as raised:
        check_data(profiles, ())
    assert raised.value.hint.startswith("No site names any data.")


def test_what_clusters_may_not_do_in_a_directory_is_said(tmp_path):
    tmp_path.chmod(0o755)
    assert concern("gaia", LocalMount(tmp_path)) == ""
    assert "for writing, but only some users may" in concern("gaia", LocalMount(tmp_path, write=True))
    tmp_path.chmod(0o750)
    assert "only some users may read" in concern("gaia", LocalMount(tmp_path))
    tmp_path.chmod(0o1777)
    assert concern("gaia", LocalMount(tmp_path, write=True)) == ""
