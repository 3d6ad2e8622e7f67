"""Command lines of Spark's JVMs, without Spark's launcher scripts (each of which would start one more JVM)."""

from __future__ import annotations

from collections.abc import Mapping

from almanac.spark.runtime import Runtime

_OPENED = (
    "java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util",
    "java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs",
    "sun.security.action", "sun.util.calendar",
)  # fmt: skip
MODULE_OPTIONS = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    "--add-modules=jdk.incubator.vector",
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED),
    "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dio.netty.allocator.type=pooled",
    "-Dio.netty.handler.ssl.defaultEndpointVerificationAlgorithm=NONE",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)
"""What Spark 4.3's own launcher passes, in its order: a class-data archive is bound to the module options."""

_PLAIN = ("-XX:-UsePerfData", "-Dio.netty.jfr.enabled=false")
"""Neither of the JVM's own recorders: Netty alone would start the second one in every JVM."""
_QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *_PLAIN)
DAEMON_FLAGS = (*_QUICK, "-Xms16m", "-Xss512k")
"""Master and workers: they wait more than they compute."""

DRIVER_FLAGS = (*_QUICK, "-Xms64m")
"""The Connect server: its life is many short plans, which a second compiler never pays back."""

_EXECUTOR_FLAGS = (
    *_PLAIN,
    "-Xms64m",
    "-XX:Tier4InvocationThreshold=20000",
    "-XX:Tier4MinInvocationThreshold=2400",
    "-XX:Tier4CompileThreshold=60000",
    "-XX:Tier4BackEdgeThreshold=160000",
)


def executor_flags(cores: int) -> tuple[str, ...]:
    """Executors keep the optimising compiler (without it, half the speed), but late, out of the way of a start.

    On one or two cores the serial collector starts with less CPU and memory (60 MB) than the default one.
    """
    return (*_EXECUTOR_FLAGS, "-XX:+UseSerialGC") if cores <= 2 else _EXECUTOR_FLAGS


def archive_flags(archive: str | None) -> tuple[str, ...]:
    """Flags by which a JVM maps the class-data archive; relocation off, else each JVM copies it (260 MB for 120)."""
    if archive is None:
        return ()
    return (f"-XX:SharedArchiveFile={archive}", "-XX:+UnlockDiagnosticVMOptions", "-XX:ArchiveRelocationMode=0")


def java_argv(
    runtime: Runtime, heap_mib: int, flags: tuple[str, ...], main: str, arguments: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """The command line of one JVM with Spark's class path."""
    shared = archive_flags(runtime.archive)
    java = (runtime.java, "-cp", runtime.class_path, f"-Xmx{heap_mib}m")
    return (*java, *MODULE_OPTIONS, *shared, *flags, main, *arguments)


def argument_file(properties: Mapping[str, str]) -> str:
    """System properties as a java ``@file``, so that secrets stay off the command line."""
    return "".join(f'"-D{_escaped(f"{key}={value}")}"\n' for key, value in properties.items())


def properties_file(properties: Mapping[str, str]) -> str:
    """Spark's ``--properties-file``, in the escaping of java.util.Properties."""
    return "".join(f"{key} {_escaped(value)}\n" for key, value in properties.items())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
