"""Spark's settings for one cluster, as plain mappings. Those of ``daemon_properties`` hold secrets."""

from __future__ import annotations

from almanac.core.ports import ClusterSpec
from almanac.spark import gpus, warm_up
from almanac.spark.layout import Layout, worker_size

_METRICS = {
    "spark.metrics.conf.*.sink.prometheusServlet.class": "org.apache.spark.metrics.sink.PrometheusServlet",
    "spark.metrics.conf.*.sink.prometheusServlet.path": "/metrics/prometheus",
    "spark.metrics.conf.master.sink.prometheusServlet.path": "/metrics/master/prometheus",
    "spark.metrics.conf.applications.sink.prometheusServlet.path": "/metrics/applications/prometheus",
    "spark.metrics.conf.*.source.jvm.class": "org.apache.spark.metrics.source.JvmSource",
}
_APPLICATION_METRICS = {
    "spark.metrics.namespace": "spark",
    "spark.metrics.appStatusSource.enabled": "true",
    "spark.ui.prometheus.enabled": "true",
    "spark.executor.processTreeMetrics.enabled": "true",
    "spark.executor.heartbeatInterval": "2s",
    "spark.executor.metrics.pollingInterval": "1s",
}
_LOGGING = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSS'Z'}{UTC} %p %c{1}: %m%n%ex
logger.deploy.name = org.apache.spark.deploy
logger.deploy.level = info
logger.connect.name = org.apache.spark.sql.connect.service.SparkConnectServer
logger.connect.level = info
"""
_POOL = '  <pool name="{name}"><schedulingMode>{mode}</schedulingMode><weight>{weight}</weight></pool>\n'


def guarded(cluster: ClusterSpec) -> dict[str, str]:
    """Nobody joins, listens in or looks at a page without this cluster's secrets."""
    return {
        "spark.authenticate": "true",
        "spark.authenticate.secret": cluster.secrets.spark_secret,
        "spark.network.crypto.enabled": "true",
        "spark.ui.filters": "org.apache.spark.ui.JWSFilter",
        "spark.org.apache.spark.ui.JWSFilter.param.secretKey": cluster.secrets.ui_key,
        "spark.port.maxRetries": "0",  # a port that is taken must be an error, not another port
    }


def daemon_properties(cluster: ClusterSpec) -> dict[str, str]:
    """Settings of the master and the workers. A master that comes back knows its workers and application."""
    return {
        **guarded(cluster),
        **_METRICS,
        "spark.master.rest.enabled": "false",  # on by default, and unauthenticated even with spark.authenticate
        "spark.deploy.recoveryMode": "FILESYSTEM",
        "spark.worker.cleanup.enabled": "true",
    }


def connect_properties(cluster: ClusterSpec, layout: Layout, home: str) -> dict[str, str]:
    """Settings of the Connect server, which is the one driver of its cluster."""
    size = min((worker_size(cluster, node) for node in cluster.workers), key=lambda size: size.heap_mib)
    cores = sum(node.flavor.resources.cores for node in cluster.workers)
    loopback = layout.address.startswith("127.")
    return {
        **guarded(cluster),
        **_METRICS,
        **_APPLICATION_METRICS,
        **gpus.application_properties(cluster),
        "spark.app.name": cluster.id,
        "spark.driver.host": layout.address,
        "spark.driver.bindAddress": layout.address,
        # Clients send a token without TLS only to "localhost", so notebooks need loopback beside the address.
        "spark.connect.grpc.binding.address": layout.address if loopback else "0.0.0.0",  # noqa: S104
        "spark.connect.grpc.binding.port": str(layout.ports["connect"]),
        "spark.connect.session.manager.defaultSessionTimeout": "12h",
        "spark.ui.port": str(layout.ports["connect-ui"]),
        "spark.executor.cores": str(size.slots),
        "spark.executor.memory": f"{size.heap_mib}m",
        "spark.dynamicAllocation.enabled": "false",
        "spark.scheduler.mode": "FAIR",
        "spark.default.parallelism": str(cores),
        "spark.sql.shuffle.partitions": str(min(200, 2 * cores)),
        "spark.sql.warehouse.dir": f"{home}/warehouse",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": f"file:{home}/events",
    }


def fair_pools(cluster: ClusterSpec) -> str:
    """One pool per seat with equal weights, a fair default pool for clients that name none, and one that gives way."""
    pools = [_POOL.format(name="default", mode="FAIR", weight=8)]
    pools += [_POOL.format(name=seat.name, mode="FIFO", weight=8) for seat in cluster.seats]
    pools.append(_POOL.format(name=warm_up.POOL, mode="FIFO", weight=1))
    return f'<?xml version="1.0"?>\n<allocations>\n{"".join(pools)}</allocations>\n'


def logging_properties() -> str:
    """Log4j 2 settings: warnings, and what happens to the cluster itself."""
    return _LOGGING
