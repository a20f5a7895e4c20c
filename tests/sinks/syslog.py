#!/usr/bin/env python3
"""Syslog receivers. syslog.py PLACE LOG udp|tcp|tls|unix [CERT KEY]: writes its port to PLACE (unix:
PLACE.socket is the socket) and each message, parsed by RFC 5424, to LOG as an object a line. On
SIGUSR1 a stream receiver closes its connections."""
import json
import os
import re
import signal
import socket
import ssl
import sys

place, log_file, form = sys.argv[1:4]
MESSAGE = re.compile(
    rb"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) ([!-~]{1,255}) ([!-~]{1,48}) "
    rb"([!-~]{1,128}) ([!-~]{1,32}) "
    rb'\[picket@32473 id="([0-9a-f.]+)" rule="((?:[^"\\\]]|\\.)*)"\] (.*)', re.DOTALL)


def note(message):
    found = MESSAGE.fullmatch(message)
    with open(log_file, "a") as log:
        if not found:
            log.write(json.dumps({"bad": repr(message)}) + "\n")
            return
        priority, time, host, app, _, kind, key, rule, body = found.groups()
        log.write(json.dumps({"pri": int(priority), "time": time.decode(), "host": host.decode(),
                              "app": app.decode(), "kind": kind.decode(), "key": key.decode(),
                              "rule": rule.decode(), "body": json.loads(body)}) + "\n")


def take_frames(data):
    while True:
        length, space, rest = data.partition(b" ")
        if not space or len(rest) < int(length):
            return data
        note(rest[:int(length)])
        data = rest[int(length):]


def say(text):
    with open(place + ".new", "w") as out:
        out.write(text)
    os.rename(place + ".new", place)


if form in ("udp", "unix"):
    receiver = socket.socket(socket.AF_UNIX if form == "unix" else socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(place + ".socket" if form == "unix" else ("127.0.0.1", 0))
    if form == "unix":
        os.chmod(place + ".socket", 0o666)
    say("unix" if form == "unix" else str(receiver.getsockname()[1]))
    while True:
        note(receiver.recv(1 << 16))


class Closed(Exception):
    pass


def close(*_):
    raise Closed


server = socket.create_server(("127.0.0.1", 0))
context = None
if form == "tls":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
signal.signal(signal.SIGUSR1, close)
say(str(server.getsockname()[1]))
while True:
    try:
        connection, _ = server.accept()
        if context:
            connection = context.wrap_socket(connection, server_side=True)
        waiting = b""
        while True:
            data = connection.recv(65536)
            if not data:
                break
            waiting = take_frames(waiting + data)
    except (Closed, OSError):
        pass
    finally:
        try:
            connection.close()
        except (NameError, OSError):
            pass
