"""What is behind the front door in tests: a web server that tells what it was sent, with a WebSocket, and a gRPC server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

GRPC_METHOD = "/spark.connect.SparkConnectService/Echo"


class Told(RequestHandler):
    """Says what it was sent, tries to leave a cookie, and leads elsewhere when asked."""

    def prepare(self) -> None:
        self.set_header("Set-Cookie", "almanac_session=planted; Path=/")
        if self.get_argument("away", ""):
            self.redirect(self.get_argument("away"))
            return
        told = {"path": self.request.path, "headers": dict(self.request.headers), "body": self.request.body.decode()}
        self.finish(json.dumps(told))


class Echo(WebSocketHandler):
    """Says back what it hears."""

    def check_origin(self, origin: str) -> bool:
        return True

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


@contextmanager
def web() -> Iterator[int]:
    """The web server's port."""
    started, stop = threading.Event(), asyncio.Event()
    found: list[int] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        server = HTTPServer(Application([(r".*/ws", Echo), (r".*", Told)]))
        (socket,) = bind_sockets(0, "127.0.0.1")
        server.add_sockets([socket])
        found.append(socket.getsockname()[1])
        started.set()
        await stop.wait()
        server.stop()
        await server.close_all_connections()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    started.wait()
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


class _Handlers(grpc.GenericRpcHandler):
    """Says for each message with which authorization it came, and streams."""

    def service(self, details):
        shown = {name: value for name, value in details.invocation_metadata if isinstance(value, str)}

        def echo(messages, _context):
            for message in messages:
                yield json.dumps({"said": message.decode(), "metadata": shown}).encode()

        return grpc.stream_stream_rpc_method_handler(echo)


@contextmanager
def connect() -> Iterator[int]:
    """The gRPC server's port."""
    server = grpc.server(ThreadPoolExecutor(4), handlers=[_Handlers()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()
