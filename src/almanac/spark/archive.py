"""The class-data archive: Spark's classes, parsed and checked once, mapped by every JVM that starts later.

It makes a cluster start in about half the time and CPU, and is never needed: a JVM that can't use it starts without.
Made by training: a small real cluster runs queries and lists the classes that it loads, then ``java -Xshare:dump``.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from almanac.spark import jvm
from almanac.spark.runtime import Runtime, find_runtime, make_readable
from almanac.spark.trial import Trial, TrialFailed, trial_spec

Progress = Callable[[float, str], None]
"""Called with a fraction in [0, 1] and what is being done."""


class ArchiveFailed(Exception):
    """The archive could not be made; clusters start without it, slower."""


def find_archive(runtime: Runtime, cache: Path) -> Path | None:
    """The archive for exactly this Java and these jars, if it has been made; quick."""
    path = _path(runtime, cache)
    return path if path.exists() else None


def ensure_archive(runtime: Runtime, cache: Path, progress: Progress | None = None) -> Path:
    """The archive for this Java and these jars, made first if missing: about a minute of 4 cores, 200 MB.

    Safe against builders beside it and kills at any point: one builds, the others wait; a half-made one is never seen.

    Args:
        runtime: this machine's.
        cache: a directory of Almanac's own, readable by every uid that runs services.
        progress: told how far it is.

    Raises:
        ArchiveFailed: training or dumping failed, with the reason.
    """
    tell = progress or (lambda _fraction, _doing: None)
    path = _path(runtime, cache)
    make_readable(cache, path.parent)
    with _only_builder(path.parent):
        if not path.exists():
            for stale in path.parent.glob("building-*"):  # nobody builds but us: left by a killed builder
                shutil.rmtree(stale, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix="building-", dir=path.parent) as directory:
                made = _build(runtime, Path(directory), tell)
                made.chmod(0o644)
                made.replace(path)
            for other in set(path.parent.glob("*.jsa")) - {path}:
                other.unlink(missing_ok=True)
    tell(1.0, "the archive is ready")
    return path


def _path(runtime: Runtime, cache: Path) -> Path:
    return cache.resolve() / "archives" / f"{_key(runtime)}.jsa"


def _key(runtime: Runtime) -> str:
    """A digest of what the JVM compares, so that a void archive is never chosen.

    The wildcard in the class path expands in directory order, hence no sorting.
    """
    facts = [runtime.java_home, str(runtime.java_version), runtime.class_path, *jvm.MODULE_OPTIONS]
    release = Path(runtime.java_home) / "release"
    facts.append(release.read_text() if release.exists() else "")
    jars = ((jar.name, jar.stat()) for jar in os.scandir(f"{runtime.spark_home}/jars"))
    facts += [f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in jars]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


@contextmanager
def _only_builder(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(runtime: Runtime, directory: Path, tell: Progress) -> Path:
    lists = directory / "lists"
    lists.mkdir()
    try:
        _train(replace(runtime, archive=None), directory, lists, tell)
        tell(0.6, "writing the archive")
        return _dump(runtime, directory, lists)
    except (OSError, subprocess.SubprocessError, TrialFailed) as error:
        raise ArchiveFailed(f"The class-data archive could not be made: {error}") from error


def _train(runtime: Runtime, directory: Path, lists: Path, tell: Progress) -> None:
    # Every JVM of the cluster reads this variable, executors too: they inherit their worker's environment.
    listing = {"JDK_JAVA_OPTIONS": f"-XX:DumpLoadedClassList={lists}/%p.lst"}
    with Trial(trial_spec(seats=1), runtime, directory, extra=listing) as trial:
        tell(0.05, "starting a small Spark cluster to learn from")
        trial.start("master", "connect", "worker-1")
        tell(0.3, "running typical queries on it")
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(directory),
            "PYTHONPATH": runtime.package,
            "PYTHONWARNINGS": "ignore",
            "SPARK_REMOTE": trial.remote,
            "SPARK_CONNECT_AUTHENTICATE_TOKEN": trial.spec.secrets.connect_token,
        }
        queries = [runtime.python, "-m", "almanac.spark.training", str(directory)]
        done = subprocess.run(queries, env=environment, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise TrialFailed(done.stderr[-2000:])


def _dump(runtime: Runtime, directory: Path, lists: Path) -> Path:
    names, made = directory / "classes.lst", directory / "spark.jsa"
    names.write_text("".join(f"{line}\n" for line in _merged(lists)))
    flags = ("-Xshare:dump", f"-XX:SharedClassListFile={names}", f"-XX:SharedArchiveFile={made}")
    command = [runtime.java, *flags, "-cp", runtime.class_path, *jvm.MODULE_OPTIONS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode or not made.exists():
        raise TrialFailed(done.stdout[-1000:] + done.stderr[-1000:])
    return made


def _merged(lists: Path) -> Iterator[str]:
    """One list of what any JVM loaded, without classes of other loaders (``source:``), which can't be shared by all."""
    seen = set()
    for path in sorted(lists.glob("*.lst")):
        for line in path.read_text().splitlines():
            if line.startswith("#") or "source:" in line:
                continue
            entry = line if line.startswith("@") else line.split(" ", 1)[0]
            if entry and entry not in seen:
                seen.add(entry)
                yield entry


def main() -> None:
    """Make the archive, with a progress line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="directory to keep it in")
    cache = parser.parse_args().cache
    try:
        path = ensure_archive(find_runtime(cache), cache, lambda done, doing: _show(f"{done:4.0%}  {doing}"))
    except ArchiveFailed as error:
        _show(str(error))
        sys.exit(1)
    _show(str(path))


def _show(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
