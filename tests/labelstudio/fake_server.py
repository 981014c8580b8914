"""A Label Studio that misbehaves on request: loopback only, standard library only.

The healthy server has ``tasks`` tasks with ids from 1, answers the endpoints a pull asks and takes
any write.  ``fault`` names what it does wrong; the names are those of the methods and comparisons
below.  ``requests`` holds what it was asked, in order.
"""

from __future__ import annotations

import gzip
import json
import threading
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

LOGIN_PAGE = b"<!doctype html><title>Log in</title>"
KEY = "canary0123456789canary0123456789canary01"
"""With which the tests ask; it must be in no message and no file."""

COOKIE = "cookie-canary-93c1"
CONFIG = (
    '<View><Image name="image" value="$image"/><BrushLabels name="tag" toName="image">'
    '<Label value="car"/></BrushLabels></View>'
)


def _bomb() -> bytes:
    packer = zlib.compressobj(wbits=31)
    blanks = [packer.compress(b" " * 100_000) for _ in range(200)]
    return b"".join([packer.compress(b"["), *blanks, packer.compress(b"]"), packer.flush()])


BOMB = _bomb()
"""Twenty kilobytes that unpack to twenty megabytes of JSON."""


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, list[str]]
    body: bytes
    authorization: str | None = field(repr=False)

    @property
    def ids(self) -> list[int]:
        return [int(value) for value in self.query.get("ids[]", [])]


class FakeLabelStudio:
    def __init__(self, *, fault: str = "", tasks: int = 250, project: int = 7, prefix: str = "") -> None:
        self.fault = fault
        self.project = project
        self.prefix = prefix
        self.rows = {i: self.row(i) for i in range(1, tasks + 1)}
        self.config = CONFIG
        self.elsewhere = "http://127.0.0.1:1"
        self.access_token = ""
        self.exports_left: int | None = None
        self.requests: list[Asked] = []
        self.counts: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.owner = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{self.prefix}"

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def row(self, number: int, *, updated: str = "2026-01-01T00:00:00Z") -> dict:
        annotation = {
            "id": 1000 + number,
            "completed_by": 1,
            "result": [],
            "was_cancelled": False,
            "ground_truth": False,
        }
        return {
            "id": number,
            "annotations": [annotation],
            "drafts": [],
            "data": {"image": f"/data/upload/7/0123abcd-{number:04}.png"},
            "updated_at": updated,
            "total_annotations": 1,
            "cancelled_annotations": 0,
            "total_predictions": 0,
            "project": self.project,
            "updated_by": 1,
        }

    def exports(self) -> list[Asked]:
        return [asked for asked in self.requests if asked.path.endswith("/export")]

    def writes(self) -> list[Asked]:
        return [a for a in self.requests if a.method != "GET" and not a.path.endswith("/refresh/")]

    def count(self, what: str) -> int:
        """How often ``what`` happened, this time included."""
        with self.lock:
            self.counts[what] += 1
            return self.counts[what]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: FakeLabelStudio

    def log_message(self, *args: object) -> None:
        pass

    def handle_one_request(self) -> None:
        self.owner = self.server.owner  # type: ignore[attr-defined]
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(
            self.command, url.path, parse_qs(url.query), body, self.headers.get("Authorization")
        )
        with self.owner.lock:
            self.owner.requests.append(asked)
        path = url.path.removeprefix(self.owner.prefix)
        if path.endswith("/token/refresh/"):
            self.refresh()
        elif self.command != "GET":
            self.write()
        elif path.endswith("/export"):
            self.export(asked)
        elif path == "/api/tasks/":
            self.page(asked)
        elif path.startswith("/api/dm/views/"):
            self.send({"id": 5, "project": 8 if self.owner.fault == "view elsewhere" else 7, "data": {}})
        elif path == f"/api/projects/{self.owner.project}/":
            self.settings()
        else:
            self.send({"detail": "Not found."}, status=404)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815

    # ---- endpoints

    def refresh(self) -> None:
        if self.owner.fault == "refresh fails once" and self.owner.count("refresh") == 1:
            self.send({"detail": "bad gateway"}, status=502)
        else:
            self.send({"access": self.owner.access_token})

    def write(self) -> None:
        fault = self.owner.fault
        if fault == "502 after commit":
            self.send({"detail": "bad gateway"}, status=502)
        elif fault == "reset after commit":
            self.hang_up()
        elif fault == "nonsense after commit":
            self.raw(b'{"id": 1,', status=201)
        elif fault == "cut after commit":
            self.raw(b'{"id": 1,', status=201, length=100)
            self.close_connection = True
        elif fault == "page after commit":
            self.raw(LOGIN_PAGE, kind="text/html")
        else:
            self.send({"id": 1, "task": 1, "result": []}, status=201)

    def settings(self) -> None:
        owner, fault = self.owner, self.owner.fault
        if fault == "401 that repeats the key":
            said = f"Invalid token {self.headers['Authorization']}"
            self.send({"detail": said, "validation_errors": {"key": [said]}}, status=401)
        elif fault == "redirect":
            self.raw(
                b"", status=302, headers={"Location": f"{owner.elsewhere}{self.path}?next={COOKIE}"}
            )
        elif fault == "redirect to itself":
            self.raw(b"", status=302, headers={"Location": f"/user/login?next={self.path}"})
        elif fault == "always a page":
            self.raw(LOGIN_PAGE, kind="text/html; charset=utf-8")
        elif fault == "silent":
            owner.closing.wait(10)
            self.close_connection = True
        elif fault == "a list for a project":
            self.send([1, 2])
        elif fault == "another project":
            self.send({"id": 8, "title": "x", "task_number": 250, "label_config": owner.config})
        elif fault == "configuration changes" and owner.count("settings") > 1:
            self.send({"id": 7, "title": "p", "task_number": len(owner.rows), "label_config": "<View/>"})
        else:
            found = {"id": 7, "title": "p", "task_number": len(owner.rows), "label_config": owner.config}
            annotations = [a for row in owner.rows.values() for a in row["annotations"]]
            skipped = sum(annotation["was_cancelled"] for annotation in annotations)
            found["total_annotations_number"] = len(annotations) - skipped
            found["skipped_annotations_number"] = skipped
            found["ground_truth_number"] = sum(annotation["ground_truth"] for annotation in annotations)
            self.send(found)

    def page(self, asked: Asked) -> None:
        owner, fault = self.owner, self.owner.fault
        number, size = int(asked.query["page"][0]), int(asked.query["page_size"][0])
        visit = owner.count("page 2") if number == 2 else 0
        ids, total = self.ordered(asked), len(owner.rows)
        if fault == "429 twice" and owner.count(fault) <= 2:
            return self.send({"detail": "slow down"}, status=429, headers={"Retry-After": "7"})
        if fault == "500 twice" and owner.count(fault) <= 2:
            return self.send({"detail": "oops"}, status=500)
        if fault == "dropped twice" and owner.count(fault) <= 2:
            return self.hang_up()
        if fault == "503 for ever":
            return self.send({"detail": "down"}, status=503)
        if fault == "page of a project without it":
            return self.raw(b"<html>", status=404, kind="text/html")
        shown = ids[(number - 1) * size : number * size]
        if fault == "page repeated" and number == 2:
            shown = ids[:size]
        elif fault == "pages short" and number == -(-total // size):
            shown = shown[:-10]
        elif fault == "list and project disagree":
            total -= 1
            shown = [i for i in shown if i != ids[-1]]
        elif fault == "first and last disagree" and size == 1:
            total -= 1
        elif fault == "first and last too near" and size == 1:
            shown = [min(shown[0], 3)]
        elif fault == "total changes" and number == 2:
            total -= 1
        elif fault == "endless":
            shown = [number * 1000 + j for j in range(size)]
        elif fault == "endless and more each time":
            shown, total = [number * 1000 + j for j in range(size)], 10**9
        elif fault == "shift once" and number > 1 and visit <= 1:
            shown = [*ids[1:], ids[-1] + 1][(number - 1) * size : number * size]
        elif fault == "no total":
            return self.send({"tasks": []})
        elif fault == "task without id":
            return self.send({"tasks": [{"id": "1", "updated_at": "x"}], "total": 1})
        if not shown and number > 1:
            return self.send({"detail": "Invalid page."}, status=404)
        fields = asked.query.get("include", ["id,updated_at"])[0].split(",")
        tasks = [{name: self.listed(i)[name] for name in fields} for i in shown]
        content = json.dumps({"tasks": tasks, "total": total}).encode()
        if number == 2:
            return self.second_page(content)
        return self.raw(content)

    def listed(self, number: int) -> dict:
        """What the list says of a task, in its own way."""
        row = self.owner.rows.get(number) or self.owner.row(number)
        if self.owner.fault == "marks missing":
            row = row | {"total_predictions": None}
        ids = [str(annotation["id"]) for annotation in row["annotations"]]
        owners = {annotation.get("completed_by") for annotation in row["annotations"]}
        return row | {
            "updated_at": self.updated_at(number),
            "updated_by": [{"user_id": row["updated_by"]}] if row["updated_by"] else [],
            "annotations_ids": ",".join(reversed(ids))[:500],
            "annotators": sorted(owners - {None}),
            "draft_exists": bool(row["drafts"]),
        }

    def ordered(self, asked: Asked) -> list[int]:
        query = json.loads(asked.query.get("query", ["{}"])[0])
        ordering = query.get("ordering", ["tasks:id"])[0]
        if self.owner.fault == "order ignored":
            return sorted(self.owner.rows)
        if ordering == "-tasks:updated_at":
            return sorted(self.owner.rows, key=self.updated_at, reverse=True)
        return sorted(self.owner.rows, reverse=ordering == "-tasks:id")

    def second_page(self, content: bytes) -> None:
        fault = self.owner.fault
        if fault == "page 404":
            self.send({"detail": "Not found."}, status=404)
        elif fault == "page html":
            self.raw(LOGIN_PAGE, kind="text/html")
        elif fault == "page html that calls itself json":
            self.raw(LOGIN_PAGE)
        elif fault == "page cut":
            self.raw(content[: len(content) // 2], length=len(content))
            self.close_connection = True
        elif fault == "page not json":
            self.raw(content[:-5])
        elif fault == "page drips":
            self.raw(b"", length=len(content))
            for i in range(200):
                self.wfile.write(content[i : i + 1])
                self.wfile.flush()
                time.sleep(0.001)
            self.close_connection = True
        elif fault == "page bomb":
            self.raw(BOMB, headers={"Content-Encoding": "gzip"})
        elif fault == "page packed":
            self.raw(gzip.compress(content), headers={"Content-Encoding": "gzip"})
        elif fault == "page packed and cut":
            self.raw(gzip.compress(content)[:-20], headers={"Content-Encoding": "gzip"})
        elif fault == "page packed strangely":
            self.raw(content, headers={"Content-Encoding": "br"})
        else:
            self.raw(content)

    def updated_at(self, number: int) -> str:
        if self.owner.fault == "task changes" and self.owner.exports() and number == 120:
            return "2026-02-02T00:00:00Z"
        row = self.owner.rows.get(number)
        return row["updated_at"] if row else "2026-01-01T00:00:00Z"

    def export(self, asked: Asked) -> None:
        owner, fault = self.owner, self.owner.fault
        if owner.exports_left is not None:
            if owner.exports_left == 0:
                self.send({"detail": "down"}, status=503)
                return
            owner.exports_left -= 1
        rows = [owner.rows[i] for i in asked.ids if i in owner.rows]
        if fault == "export empty":
            rows = []
        elif fault == "export misses one" or (fault.endswith("of all") and owner.count(fault) == 2):
            rows = rows[:-1]
        elif fault == "export repeats one":
            rows = [*rows, rows[0]]
        elif fault in {"export of another project", "export that does not say the project"}:
            # One is missing, and one that is not of the project stands in for it: the sum is right.
            gap = next(i for i in asked.ids if i not in owner.rows)
            other = owner.row(gap) | {"project": 8}
            if fault != "export of another project":
                del other["project"]
            rows = [*rows[1:], other]
        elif fault == "export of everything":
            rows = list(owner.rows.values())
        elif fault == "export of an annotation too many" and owner.count(fault) == 2:
            owner.rows[3]["annotations"].append(owner.row(900)["annotations"][0])
        content = json.dumps(rows).encode()
        if (fault == "export cut once" and owner.count(fault) == 1) or fault == "export cut always":
            self.raw(content[: len(content) // 2], length=len(content))
            self.close_connection = True
        elif fault == "export not json":
            self.raw(content[:-5])
        elif fault == "export 404":
            self.send({"detail": "Not found."}, status=404)
        elif fault == "export html":
            self.raw(LOGIN_PAGE, kind="text/html")
        elif fault == "export bomb":
            self.raw(BOMB, headers={"Content-Encoding": "gzip"})
        else:
            self.raw(content)

    # ---- answers

    def send(self, value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.raw(json.dumps(value).encode(), status=status, headers=headers)

    def raw(
        self,
        content: bytes,
        *,
        status: int = 200,
        kind: str = "application/json",
        headers: dict[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.send_header("Set-Cookie", f"sessionid={COOKIE}")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(2)
