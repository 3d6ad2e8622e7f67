"""A seat's JupyterLab through its own API: files by REST, kernels by REST and a websocket."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4

import httpx2

from almanac.client.errors import ClientError
from almanac.client.trust import trusted

if TYPE_CHECKING:
    from websocket import WebSocket

TIMEOUT = httpx2.Timeout(60, connect=10)
REMOVE_TRIES = 20


@dataclass(frozen=True)
class Output:
    """Something that a cell gave.

    Attributes:
        kind: ``stdout``, ``stderr``, ``result``, ``display`` or ``error``.
        text: as plain text.
        data: by MIME type, for results and displays.
    """

    kind: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Execution:
    """How a cell ended: ``error`` is empty when it did without one; ``values``: expressions asked for, as text."""

    outputs: tuple[Output, ...]
    error: str = ""
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What it printed and its result, without errors."""
        return "".join(output.text for output in self.outputs if output.kind != "error")


Hear = Callable[[Output], None]


class Jupyter:
    """The JupyterLab behind a notebook URL (``.../lab?token=...``).

    Every method raises ``ClientError`` when it doesn't answer or refuses.
    """

    def __init__(self, notebook_url: str) -> None:
        parts = urlsplit(notebook_url)
        base = parts.path.partition("/lab")[0].rstrip("/")
        self._token = parse_qs(parts.query).get("token", [""])[0]
        self._address = f"{parts.netloc}{base}"
        self._secure = parts.scheme == "https"
        headers = {"Authorization": f"token {self._token}"}
        url = f"{parts.scheme}://{self._address}"
        self._trusted = trusted()
        self._http = httpx2.Client(
            base_url=url, headers=headers, timeout=TIMEOUT, trust_env=False, verify=self._trusted
        )

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def make_folder(self, path: str) -> None:
        """Make a folder, relative to the seat's home; being there already is success."""
        self._call("PUT", _contents(path), {"type": "directory"})

    def put(self, path: str, content: bytes) -> None:
        """Write a file, relative to the seat's home."""
        text = base64.b64encode(content).decode()
        self._call("PUT", _contents(path), {"type": "file", "format": "base64", "content": text})

    def get(self, path: str) -> bytes:
        """Read a file, relative to the seat's home."""
        return base64.b64decode(self._call("GET", f"{_contents(path)}?type=file&format=base64")["content"])

    def code_cells(self, path: str) -> tuple[str, ...]:
        """The code cells of a notebook, in order."""
        notebook = self._call("GET", f"{_contents(path)}?type=notebook")["content"]
        return tuple("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")

    @contextmanager
    def kernel(self) -> Iterator[Kernel]:
        """A new Python kernel in the seat's home, removed at the end."""
        kernel_id = self._call("POST", "/api/kernels", {"name": "python3", "path": ""})["id"]
        try:
            kernel = Kernel(self, kernel_id)
            try:
                yield kernel
            finally:
                kernel.disconnect()
        finally:
            self.remove_kernel(kernel_id)

    def interrupt_kernel(self, kernel_id: str) -> None:
        """Interrupt what a kernel runs, as Ctrl-C does."""
        self._call("POST", f"/api/kernels/{kernel_id}/interrupt")

    def remove_kernel(self, kernel_id: str) -> None:
        """End a kernel and what it started. Already gone is success.

        Jupyter answers 500 while it restarts a kernel that died, so it is asked again.
        """
        for tries_left in reversed(range(REMOVE_TRIES)):
            try:
                self._call("DELETE", f"/api/kernels/{kernel_id}")
            except ClientError as error:
                if error.status == httpx2.codes.NOT_FOUND:
                    return
                if error.status < httpx2.codes.INTERNAL_SERVER_ERROR or not tries_left:
                    raise
                time.sleep(0.5)
            else:
                return

    def open_socket(self, kernel_id: str) -> WebSocket:
        """The websocket of a kernel's channels."""
        import websocket

        scheme = "wss" if self._secure else "ws"
        url = f"{scheme}://{self._address}/api/kernels/{kernel_id}/channels"
        try:
            return websocket.create_connection(
                url,
                timeout=60,
                header=[f"Authorization: token {self._token}"],
                suppress_origin=True,
                sockopt=[(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)],
                http_no_proxy=["*"],
                sslopt={"context": self._trusted},
            )
        except (OSError, websocket.WebSocketException) as error:
            raise self._unreachable(type(error).__name__) from error

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - JSON
        try:
            answer = self._http.request(method, path, json=body)
        except httpx2.TransportError as error:
            raise self._unreachable(type(error).__name__) from error
        if answer.is_error:
            raise _refused(answer)
        return answer.json() if answer.content else None

    def _unreachable(self, why: str) -> ClientError:
        return ClientError(
            "notebook_unreachable",
            f"The booking's notebook server at {self._address} doesn't answer ({why}).",
            "See whether the booking is still ready: almanac bookings",
        )


class Kernel:
    """A running kernel. Cells are executed one at a time."""

    def __init__(self, jupyter: Jupyter, kernel_id: str) -> None:
        self.id = kernel_id
        self._jupyter = jupyter
        self._session = uuid4().hex
        self._socket = jupyter.open_socket(kernel_id)

    def disconnect(self) -> None:
        """Close the websocket; the kernel lives on."""
        self._socket.close()

    def interrupt(self) -> None:
        """Interrupt what it runs, as Ctrl-C does."""
        self._jupyter.interrupt_kernel(self.id)

    def remove(self) -> None:
        """End it at once, whatever it runs."""
        self._jupyter.remove_kernel(self.id)

    def execute(
        self,
        code: str,
        hear: Hear | None = None,
        *,
        values: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Execution:
        """Execute a cell and wait for its end.

        Args:
            code: Python.
            hear: called with each output as it comes.
            values: expressions to evaluate afterwards, by name.
            timeout_s: longest silence, in seconds; None waits for ever.

        Raises:
            ClientError: the kernel died, the connection broke off, or it was silent for too long.
        """
        message_id = self._send(code, values or {})
        outputs: list[Output] = []
        reply: Mapping[str, Any] | None = None
        idle = False
        while reply is None or not idle:
            message = self._receive(timeout_s)
            if message.get("parent_header", {}).get("msg_id") != message_id:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "execute_reply":
                reply = content
            idle = idle or (kind == "status" and content["execution_state"] == "idle")
            output = _output(kind, content)
            if output is not None:
                outputs.append(output)
                if hear is not None:
                    hear(output)
        error = f"{reply.get('ename')}: {reply.get('evalue')}" if reply["status"] == "error" else ""
        return Execution(tuple(outputs), error or ("aborted" if reply["status"] == "aborted" else ""), _values(reply))

    def _send(self, code: str, values: Mapping[str, str]) -> str:
        message_id = uuid4().hex
        header = {
            "msg_id": message_id,
            "msg_type": "execute_request",
            "session": self._session,
            "username": "almanac",
            "date": datetime.now(UTC).isoformat(),
            "version": "5.3",
        }
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": dict(values),
            "allow_stdin": False,
            "stop_on_error": True,
        }
        whole = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self._socket.send(json.dumps(whole))
        return message_id

    def _receive(self, timeout_s: float | None) -> Mapping[str, Any]:
        import websocket

        try:
            self._socket.settimeout(timeout_s)
            message: dict[str, Any] = json.loads(self._socket.recv())
        except websocket.WebSocketTimeoutException as error:
            hint = "Interrupt it, or wait longer."
            raise ClientError("kernel_silent", f"The kernel said nothing for {timeout_s} s.", hint) from error
        except (OSError, ValueError, websocket.WebSocketException) as error:
            hint = "See whether the booking is still ready: almanac bookings"
            raise ClientError("kernel_lost", "The connection to the notebook's kernel broke off.", hint) from error
        state = message["content"].get("execution_state") if message.get("msg_type") == "status" else None
        if state in {"dead", "restarting", "autorestarting"}:
            hint = "Most often it had no memory left: take less data at once, or book a larger profile."
            raise ClientError("kernel_died", "The notebook's kernel died.", hint)
        return message


def _contents(path: str) -> str:
    return f"/api/contents/{quote(path)}"


def _refused(answer: httpx2.Response) -> ClientError:
    try:
        why = str(answer.json().get("message", ""))
    except (ValueError, AttributeError):
        why = ""
    return ClientError(
        "notebook_refused",
        f"The booking's notebook server answered {answer.status_code}{': ' if why else ''}{why}.",
        "See whether the booking is still ready: almanac bookings",
        status=answer.status_code,
    )


def _output(kind: str, content: Mapping[str, Any]) -> Output | None:
    if kind == "stream":
        return Output(content["name"], content["text"])
    if kind in {"execute_result", "display_data"}:
        data = content["data"]
        return Output("result" if kind == "execute_result" else "display", data.get("text/plain", ""), data)
    if kind == "error":
        return Output("error", "\n".join(content["traceback"]))
    return None


def _values(reply: Mapping[str, Any]) -> Mapping[str, str]:
    found = reply.get("user_expressions") or {}
    return {name: value["data"]["text/plain"] for name, value in found.items() if value["status"] == "ok"}
