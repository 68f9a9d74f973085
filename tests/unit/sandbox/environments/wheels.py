"""Wheels and source archives that tests make themselves, and an index that serves them on loopback."""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str] | None = None,
    requires: tuple[str, ...] = (),
    tag: str = "py3-none-any",
) -> Path:
    """Make a wheel; without files it holds one module of its name, with its VERSION."""
    module = name.replace("-", "_").lower()
    content = dict(files) if files is not None else {f"{module}.py": f"VERSION = {version!r}\n"}
    info = f"{module}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {text}\n" for text in requires)
    content[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
    content[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
    content[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*content, f"{info}/RECORD"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for inner, text in content.items():
            archive.writestr(zipfile.ZipInfo(inner), text, zipfile.ZIP_DEFLATED)
    return path


def make_sdist(folder: Path, name: str, version: str, setup: str) -> Path:
    """Make a source archive whose setup.py runs the given code."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        for inner, text in (("setup.py", setup), ("PKG-INFO", info)):
            entry = tarfile.TarInfo(f"{name}-{version}/{inner}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Index:
    """A folder of packages, served as an index. fetched: the files that were asked for, in order.

    hold: a file is served only while this event is set; asked: set when one has been asked for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fetched: list[str] = []
        self.hold = threading.Event()
        self.hold.set()
        self.asked = threading.Event()
        self.url = ""

    def answer(self, path: str) -> bytes | None:
        """The body of an answer; None for what there is not."""
        if path.startswith("/files/"):
            name = path.removeprefix("/files/")
            self.fetched.append(name)
            self.asked.set()
            self.hold.wait()
            return (self.folder / name).read_bytes()
        name = path.removeprefix("/simple/").strip("/")
        files = [f for f in sorted(self.folder.iterdir()) if f.name.split("-")[0].replace("_", "-") == name]
        links = [f'<a href="/files/{file.name}#sha256={digest_of(file)}">{file.name}</a>' for file in files]
        return "".join(("<!DOCTYPE html><html><body>", *links, "</body></html>")).encode() if links else None


@contextmanager
def serving(folder: Path) -> Iterator[Index]:
    """Serve a folder of packages on loopback."""
    index = Index(folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = index.answer(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                return  # whoever asked was killed

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        index.url = f"http://127.0.0.1:{server.server_address[1]}/simple"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield index
        finally:
            index.hold.set()
            server.shutdown()
            thread.join()
