"""A Hugging Face Hub on this machine: repositories in memory, with the few requests that its client makes."""

import base64
import hashlib
import json
import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class FakeHub:
    """Repositories by name: their files and whether they are private; and the requests that were refused."""

    def __init__(self):
        self.files = {}
        self.private = {}
        self.token = "hf_write"
        self.endpoint = ""


@contextmanager
def hub_server():
    """A hub that runs while the block does."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def answer(self, status, body=b"", **headers):
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            if "Content_Length" not in headers:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def body(self):
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = b""
            while size := int(self.rfile.readline(), 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return content

        def do_POST(self):
            content = self.body()
            if self.headers.get("Authorization") != f"Bearer {hub.token}":
                self.answer(401, {"error": "Invalid token"})
                return
            if self.path == "/api/repos/create":
                asked = json.loads(content)
                name = (
                    f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
                )
                hub.files.setdefault(name, {})
                private = asked.get("private", asked.get("visibility") == "private")
                hub.private.setdefault(name, bool(private))
                self.answer(200, {"url": f"{hub.endpoint}/{name}", "name": name})
            elif match := re.fullmatch(r"/api/models/(.+)/preupload/main", self.path):
                paths = [file["path"] for file in json.loads(content)["files"]]
                self.answer(
                    200,
                    {"files": [{"path": p, "uploadMode": "regular", "shouldIgnore": False} for p in paths]},
                )
            elif match := re.fullmatch(r"/api/models/(.+)/commit/main", self.path):
                for line in content.splitlines():
                    entry = json.loads(line)
                    if entry["key"] == "file":
                        value = entry["value"]
                        hub.files[match[1]][value["path"]] = base64.b64decode(value["content"])
                url = f"{hub.endpoint}/{match[1]}/commit/{commit_of(match[1])}"
                self.answer(200, {"success": True, "commitOid": commit_of(match[1]), "commitUrl": url})
            else:
                self.answer(200, {})

        def do_GET(self):
            path = self.path.partition("?")[0]
            if match := re.fullmatch(r"/api/models/(.+?)(?:/revision/[^/]+)?", path):
                if "/tree/" in path:
                    name, recursive = match[1].partition("/tree/")[0], True
                    entries = [
                        {"type": "file", "path": file, "size": len(content), "oid": sha(content)}
                        for file, content in hub.files.get(name, {}).items()
                    ]
                    self.answer(200 if recursive and name in hub.files else 404, entries)
                elif match[1] not in hub.files:
                    self.answer(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
                else:
                    siblings = [{"rfilename": file} for file in hub.files[match[1]]]
                    self.answer(
                        200,
                        {"id": match[1], "sha": commit_of(match[1]), "siblings": siblings, "private": False},
                    )
            elif match := re.fullmatch(r"/(.+?)/resolve/([^/]+)/(.+)", path):
                content = hub.files.get(match[1], {}).get(match[3])
                if content is None:
                    self.answer(404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound")
                else:
                    self.answer(
                        200,
                        content,
                        ETag=f'"{sha(content)}"',
                        X_Repo_Commit=commit_of(match[1]),
                        Content_Length=str(len(content)),
                    )
            else:
                self.answer(404, {"error": "not found"})

        do_HEAD = do_GET  # noqa: N815

    def commit_of(name):
        files = sorted(hub.files[name].items())
        return sha(b"".join(file.encode() + content for file, content in files))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def sha(content):
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
