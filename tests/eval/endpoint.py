"""A small real HTTP server that speaks as an OpenAI-compatible endpoint, and misbehaves on request."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Answer = tuple[int, Any] | None
"""Status and JSON (or raw bytes); None drops the connection."""


def said(body: Body, text: str | None, finish_reason: str = "stop") -> Answer:
    """A chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    return 200, {"model": body["model"], "choices": [choice], "usage": {"completion_tokens": 7}}


class Quiet(ThreadingHTTPServer):
    """A client that has gone away is no news here."""

    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        pass


class Endpoint:
    """Answers with `answer(body)`, and keeps every request and what was answered well."""

    def __init__(self, answer: Callable[[Body], Answer]) -> None:
        self.answer, self.url = answer, ""
        self.paths: list[str] = []
        self.asked: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.answered: Counter[str] = Counter()
        self.lock = threading.Lock()

    def tries(self, body: Body) -> int:
        """How often this very request has come, this time included."""
        with self.lock:
            return self.asked.count(body)

    def handle(self, path: str, headers: dict[str, str], body: Body) -> Answer:
        with self.lock:
            self.paths.append(path)
            self.asked.append(body)
            self.headers.append(headers)
        found = self.answer(body)
        if found and found[0] == 200:
            with self.lock:
                self.answered[json.dumps(body, sort_keys=True)] += 1
        return found


@contextmanager
def serving(answer: Callable[[Body], Answer]) -> Iterator[Endpoint]:
    """The endpoint, while it runs."""
    endpoint = Endpoint(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = endpoint.handle(self.path, dict(self.headers), body)
            if found is None:
                self.close_connection = True
                return
            status, content = found
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            if status == 429:
                self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
