#!/usr/bin/env python3
"""An HTTP receiver that misbehaves when it is told to. receiver.py PORTFILE LOG PLAN

Each request takes the next word of PLAN (a file, read anew for each request; its first line is used
up word by word): ok, 200s with another body (body:TEXT), a status (503, 400), 429:SECONDS with
Retry-After, reset (the connection), slow:SECONDS; nothing left: ok. What was taken is appended to
LOG, one JSON object {"path", "headers", "body", "status"} a line, before the answer is sent."""
import json
import os
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port_file, log_file, plan_file = sys.argv[1:4]
lock = threading.Lock()


def next_word():
    try:
        with open(plan_file) as plan:
            words = plan.read().split()
    except FileNotFoundError:
        return "ok"
    if not words:
        return "ok"
    with open(plan_file + ".new", "w") as rest:
        rest.write(" ".join(words[1:]))
    os.rename(plan_file + ".new", plan_file)
    return words[0]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, text=b"{}", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def note(self, body, status):
        with open(log_file, "a") as log:
            log.write(json.dumps({"path": self.path, "headers": dict(self.headers.items()),
                                  "body": body.decode(), "status": status}) + "\n")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with lock:
            word = next_word()
            name, _, value = word.partition(":")
            if name == "slow":
                time.sleep(float(value))
                name = "ok"
            if name == "reset":
                self.note(body, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                           struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
                return
            status = 200 if name in ("ok", "body") else int(name)
            self.note(body, status)
        if name == "429":
            self.answer(429, b"slow down", [("Retry-After", value)])
        elif name == "body":
            self.answer(200, value.encode())
        else:
            try:
                self.answer(status, b'{"text":"Success","code":0}' if status == 200 else b"no")
            except OSError:
                pass  # the sender has gone


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(port_file + ".new", "w") as out:
    out.write(str(server.server_port))
os.rename(port_file + ".new", port_file)
server.serve_forever()
