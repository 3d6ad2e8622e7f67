"""One seat's JupyterLab."""

from __future__ import annotations

from importlib.resources import files

from almanac.core.ports import ClusterSpec, Seat
from almanac.spark.layout import Layout, data_environment
from almanac.spark.service import File, Service

_CONFIG = """\
import shutil
from contextlib import suppress
from pathlib import Path

settings = {settings}
for section, values in settings.items():
    c[section].update(values)

# The page doesn't tell the seat's token to its scripts: who is signed out must be out.
c.ServerApp.tornado_settings = {{"page_config_hook": lambda handler, page: {{**page, "token": ""}}}}

# Kernels inherit it: when the node's memory runs out, the fattest of them goes, and not Spark, which everybody uses.
with suppress(OSError):
    Path("/proc/self/oom_score_adj").write_text("900")

for example in Path({examples!r}).rglob("*.ipynb"):
    own = Path({home!r}, example.relative_to({examples!r}))
    if not own.exists():
        own.parent.mkdir(exist_ok=True)
        shutil.copyfile(example, own)
"""

_UNASKED = '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}'
"""Nobody is asked whether they want news from elsewhere."""


def notebook(cluster: ClusterSpec, seat: Seat, layout: Layout, memory_mib: int) -> Service:
    """The JupyterLab of a seat, with ``spark`` ready in every kernel where the cluster has Spark.

    Args:
        cluster: the seat's cluster.
        seat: one of its seats.
        layout: the head's.
        memory_mib: the seat's share of the head's memory.
    """
    own, name = f"{layout.run}/{seat.name}", f"notebook-{seat.name}"
    startup = files("almanac.spark").joinpath("kernel_startup.py").read_text()
    dirs = (own, f"{own}/runtime", f"{own}/data", f"{own}/config/labconfig", f"{own}/ipython/profile_default/startup")
    return Service(
        name=name,
        argv=(layout.runtime.python, "-m", "jupyterlab", f"--config={own}/jupyter_config.py"),
        env=_environment(cluster, seat, layout, own),
        files=(
            File(f"{own}/jupyter_config.py", _config(seat, layout)),
            File(f"{own}/ipython/profile_default/startup/00-spark.py", startup),
            File(f"{own}/config/labconfig/default_setting_overrides.json", _UNASKED),
        ),
        dirs=(*dirs, layout.homes[seat.name]),
        ports={"notebook": layout.ports[name]},
        ready="notebook",
        cwd=layout.homes[seat.name],
        memory_mib=memory_mib,
    )


def _config(seat: Seat, layout: Layout) -> str:
    settings = {
        "ServerApp": {
            "ip": layout.address,
            "port": layout.ports[f"notebook-{seat.name}"],
            "port_retries": 0,
            "base_url": layout.urls.get(seat.name, "/"),
            "root_dir": layout.homes[seat.name],
            "open_browser": False,
            "allow_root": True,
            "allow_remote_access": True,
            "quit_button": False,
        },
        "LabApp": {
            "news_url": None,
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "extension_manager": "readonly",
        },
    }
    return _CONFIG.format(
        settings=repr(settings),
        examples=f"{layout.runtime.package}/almanac/data/notebooks",
        home=layout.homes[seat.name],
    )


def _environment(cluster: ClusterSpec, seat: Seat, layout: Layout, own: str) -> dict[str, str]:
    runtime = layout.runtime
    environment = {
        "PATH": f"{runtime.python.rpartition('/')[0]}:/usr/local/bin:/usr/bin:/bin",
        "HOME": layout.homes[seat.name],
        "LANG": "C.UTF-8",
        "SHELL": "/bin/bash",
        "PYTHONPATH": runtime.package,
        "OMP_NUM_THREADS": str(cluster.head.flavor.resources.cores),
        "IPYTHONDIR": f"{own}/ipython",
        "JUPYTER_RUNTIME_DIR": f"{own}/runtime",
        "JUPYTER_DATA_DIR": f"{own}/data",
        "JUPYTER_CONFIG_DIR": f"{own}/config",
        "JUPYTER_TOKEN": seat.token,
        "ALMANAC_CLUSTER": cluster.id,
        "ALMANAC_SEAT": seat.name,
    }
    environment |= data_environment(layout)
    if cluster.workers:
        environment["SPARK_REMOTE"] = f"sc://localhost:{layout.ports['connect']}/;user_id={seat.name}"
        environment["SPARK_CONNECT_AUTHENTICATE_TOKEN"] = cluster.secrets.connect_token
    return environment
