"""What a machine gets at boot: cloud-config with the agent, whom to call, and a join token that is soon worth nothing.

It runs on any image with systemd, cloud-init and Python 3.9 or newer. The agent travels without its documentation, as all of
user-data has to be short.
"""

from __future__ import annotations

import ast
import base64
import gzip
import io
import json
import zipfile
from functools import cache
from importlib.resources import files
from typing import Any

from almanac.node.agent import NOT_OURS
from almanac.node.keeper import OWN_UNIT

AGENT = "/opt/almanac/node.pyz"
CONFIG = "/etc/almanac/node.json"
LONGEST = 48 * 1024
"""Bytes of user-data: clouds take 64 KiB, encoded."""

_LONG_AGO = (2020, 1, 1, 0, 0, 0)
_MAIN = "import sys\nfrom almanac.node.__main__ import main\nsys.exit(main(sys.argv[1:]))\n"
_UNIT = f"""\
[Unit]
Description=Almanac's agent
Documentation=https://almanac.readthedocs.io
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/bin/python3 -I {AGENT} {CONFIG}
Restart=always
RestartSec=2
RestartPreventExitStatus={NOT_OURS}
StandardOutput=journal+console
KillMode=process
TimeoutStopSec=150
OOMScoreAdjust=-900
UMask=0077

[Install]
WantedBy=multi-user.target
"""


class TooLong(ValueError):
    """The user-data is longer than clouds take; a shorter certificate authority would help."""


def render(url: str, cluster: str, node: str, join_token: str, *, ca: str = "") -> str:
    """The user-data of one machine, as cloud-config.

    Args:
        url: where the machine reaches Almanac.
        cluster: the cluster's id.
        node: the machine's name in it.
        join_token: from ``NodeDesk.invite``; the only secret in it, good for one use and some minutes.
        ca: PEM of the authority to trust, where Almanac's certificate isn't from one that images know.

    Raises:
        TooLong: see there.
    """
    config = {"url": url, "cluster": cluster, "node": node, "join_token": join_token, "ca": ca}
    written = [
        _file(AGENT, "0755", _packed(agent())),
        _file(CONFIG, "0600", json.dumps({name: value for name, value in config.items() if value})),
        _file(f"/etc/systemd/system/{OWN_UNIT}", "0644", _UNIT),
    ]
    start = [["systemctl", "daemon-reload"], ["systemctl", "enable", "--now", "--no-block", OWN_UNIT]]
    # JSON is YAML too, and needs no library and no thought about quoting.
    text = "#cloud-config\n" + json.dumps({"write_files": written, "runcmd": start}, indent=1) + "\n"
    if len(text) > LONGEST:
        raise TooLong(f"The user-data of {node} has {len(text)} bytes; {LONGEST} is the most.")
    return text


@cache
def agent() -> bytes:
    """The agent as a program: a zip file that Python runs."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:  # it is compressed as a whole
        archive.writestr(
            _member("__main__.py"), "from almanac.node.__main__ import main\nimport sys\nsys.exit(main(sys.argv[1:]))\n"
        )
        archive.writestr(_member("almanac/__init__.py"), "")
        for source in sorted(files("almanac.node").iterdir(), key=lambda found: found.name):
            if source.name.endswith(".py"):
                archive.writestr(_member(f"almanac/node/{source.name}"), _without_documentation(source.read_text()))
    return made.getvalue()


def _member(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, _LONG_AGO)


def _without_documentation(source: str) -> str:
    """The same program without what only people and type checkers read."""
    tree = ast.parse(source)
    for part in ast.walk(tree):
        if isinstance(part, ast.Module | ast.ClassDef | ast.FunctionDef):
            part.body = [line for line in part.body if not _is_text(line)] or [ast.Pass()]
        if isinstance(part, ast.FunctionDef):
            part.returns = None
        if isinstance(part, ast.arg):
            part.annotation = None
    return ast.unparse(tree)


def _is_text(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


def _file(path: str, permissions: str, content: str | dict[str, str]) -> dict[str, Any]:
    about = {"path": path, "owner": "root:root", "permissions": permissions}
    return about | (content if isinstance(content, dict) else {"content": content})


def _packed(data: bytes) -> dict[str, str]:
    return {"encoding": "gz+b64", "content": base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()}
