"""Clients of an HTTP server that do what no library does: raw.py SCENARIO ADDR:PORT [ARGUMENT].
Ends with 0 when the server did what is asserted here; what it counted is the caller's to check."""
import os, re, socket, struct, subprocess, sys, threading, time

host, port = sys.argv[2].rsplit(":", 1)
argument = sys.argv[3] if len(sys.argv) > 3 else ""
EVENT = b'{"n":"7"}\n'


def connect(source=None):
    return socket.create_connection((host, int(port)), 10, (source, 0) if source else None)


def head(*lines, path="/v1/events/app", method="POST"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *lines, "", ""]).encode()


def post(body, *lines):
    return head(f"Content-Length: {len(body)}", *lines) + body


class Answers:
    """Reads answers off a connection, one after the other."""

    def __init__(self, connection):
        self.connection, self.rest = connection, b""

    def more(self):
        try:
            piece = self.connection.recv(65536)
        except ConnectionResetError:
            piece = b""
        self.rest += piece
        return piece

    def next(self):
        """(code, headers, body); None: the connection has ended."""
        while b"\r\n\r\n" not in self.rest:
            if not self.more():
                assert not self.rest, self.rest
                return None
        text, self.rest = self.rest.split(b"\r\n\r\n", 1)
        first, *lines = text.decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(self.rest) < length:
            assert self.more(), "the answer ends early"
        body, self.rest = self.rest[:length], self.rest[length:]
        return int(first.split()[1]), headers, body


def ask(data, source=None):
    """The code of one request on a connection of its own; None: cut off without an answer."""
    with connect(source) as connection:
        try:
            connection.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            pass  # an answer may have come before
        answer = Answers(connection).next()
        return answer and answer[0]


def waiting_bytes():
    with connect() as connection:
        connection.sendall(head(path="/metrics", method="GET"))
        text = Answers(connection).next()[2]
    return int(re.search(rb"^picket_http_waiting_bytes{.*} (\d+)", text, re.M)[1])


def is_cut(connection, seconds):
    connection.settimeout(seconds)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def drip(connection, data, seconds):
    """A byte at a time; how long it took until the server had enough of it."""
    start = time.monotonic()
    for index in range(len(data)):
        connection.settimeout(seconds)
        try:
            connection.sendall(data[index : index + 1])
            if connection.recv(1) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - start


def slow():
    """With a second a request: one is slow in its head, one in its body, one says nothing, and one
    rests after a request. All are cut off in time; others are served meanwhile."""
    took = {}

    def one(name, data):
        with connect() as connection:
            if name == "body":
                connection.sendall(data[:-40])
                data = data[-40:]
            if name == "rests":
                connection.sendall(post(EVENT))
                assert Answers(connection).next()[0] == 202
            start = time.monotonic()
            took[name] = drip(connection, data, 0.2) if data else 0
            assert is_cut(connection, 8), name
            took[name] = time.monotonic() - start

    lines = post(b"." * 40)
    threads = [
        threading.Thread(target=one, args=row)
        for row in (("head", lines), ("body", lines), ("nothing", b""), ("rests", b""))
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        start = time.monotonic()
        assert ask(post(EVENT)) == 202
        assert time.monotonic() - start < 1
        time.sleep(0.1)
    assert set(took) == {"head", "body", "nothing", "rests"}, took
    assert all(0.5 < seconds < 6 for seconds in took.values()), took


def crowd():
    """Connections that say nothing, beyond the bound of an address, then of all addresses."""
    held = [connect("127.0.0.1") for _ in range(300)]
    assert ask(post(EVENT), "127.0.0.1") == 202
    held += [connect(f"127.0.0.{2 + index % 4}") for index in range(400)]
    for source in ("127.0.0.1", "127.0.0.2", "127.0.0.9"):
        start = time.monotonic()
        assert ask(post(EVENT), source) == 202
        assert time.monotonic() - start < 2
    alive = sum(not is_cut(connection, 0.001) for connection in held)
    assert 400 < alive <= 512, alive


def mangled():
    """Requests that are not what they say. Only whole bodies count: the caller knows how many."""
    chunk = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
    chunked = head("Transfer-Encoding: chunked")
    assert ask(chunked + chunk + b"0\r\n\r\n") == 202  # 1
    assert ask(chunked + chunk + b"zz\r\n{}\r\n0\r\n\r\n") in (400, None)
    assert ask(chunked + b"ffffffffffffffffff\r\n" + EVENT) in (400, 413, None)
    assert ask(chunked + b"4\r\n" + EVENT + b"\r\n0\r\n\r\n") in (400, None)  # longer than it says
    for length in ("-1", "0x9", "9 9", "99999999999999999999999", ""):
        assert ask(head(f"Content-Length: {length}") + EVENT) in (400, 413, None), length
    assert ask(head("Content-Length: 10", "Content-Length: 3") + EVENT) in (400, None)
    with connect() as connection:  # shorter than the body: what is over is no request
        connection.sendall(head("Content-Length: 10") + EVENT + EVENT)
        answers = Answers(connection)
        assert answers.next()[0] == 202  # 2
        assert (answers.next() or (400,))[0] == 400 and answers.next() is None
    for data in (chunked + chunk, head("Content-Length: 100") + EVENT):
        with connect() as connection:  # ends early, and says so
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = Answers(connection).next()
            assert answer is None or answer[0] == 400, answer
        with connect() as connection:  # goes away in the middle
            connection.sendall(data)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert ask(head("X: " + "y" * 100000) + EVENT) in (431, 413, None)
    assert ask(b"\x16\x03\x01\x02\x00" * 100) in (400, None)  # TLS where there is none
    assert ask(b"GET / HTTP/9.9\r\n\r\n") in (400, 404, 505, None)


def both_lengths():
    """A length and chunks: which one counts is what smuggling lives on. It is refused, or the chunks
    count and the connection ends."""
    with connect() as connection:
        chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(EVENT), EVENT)
        connection.sendall(
            head("Content-Length: 3", "Transfer-Encoding: chunked") + chunk + post(EVENT)
        )
        answers = Answers(connection)
        first = answers.next()
        print(first and first[0])
        assert first is None or first[0] in (202, 400), first
        assert answers.next() is None


def expect():
    """100 Continue where the body is wanted; the last word at once where it is not."""
    with connect() as connection:
        connection.sendall(head(f"Content-Length: {len(EVENT)}", "Expect: 100-continue"))
        answers = Answers(connection)
        assert answers.next()[0] == 100
        connection.sendall(EVENT)
        assert answers.next()[0] == 202
    with connect() as connection:
        connection.sendall(
            head("Content-Length: 10", "Expect: 100-continue", path="/v1/events/other")
        )
        assert Answers(connection).next()[0] == 404
    with connect() as connection:
        connection.sendall(head("Content-Length: 99999999", "Expect: 100-continue"))
        assert Answers(connection).next()[0] == 413


def pipelined():
    """Requests behind one another without waiting: as many answers, in their order."""
    with connect() as connection:
        connection.sendall(
            b"".join(post(EVENT * count) for count in (1, 2, 3))
            + head(path="/health", method="GET")
            + post(b"no json\n")
            + post(EVENT * 4)
        )
        answers = Answers(connection)
        got = [answers.next() for _ in range(6)]
    assert [answer[0] for answer in got] == [202, 202, 202, 200, 400, 202], got
    counts = [int(re.search(rb'accepted":(\d+)', got[i][2])[1]) for i in (0, 1, 2, 5)]
    assert counts == [1, 2, 3, 4], got


def busy():
    """Others hold all the memory for bodies: 429, and the connection goes on afterwards."""
    with connect() as connection:
        answers = Answers(connection)
        connection.sendall(post(EVENT))
        assert answers.next()[0] == 202
        held = []
        for size in [15000000] * 8 + [1000000] * 12:
            other = connect()
            other.settimeout(10)
            try:
                other.sendall(head(f"Content-Length: {size + 1000}") + b" " * size)
            except OSError:
                pass
            held.append(other)
        while waiting_bytes() < 99900000:
            time.sleep(0.05)
        connection.sendall(post(EVENT * 100000))
        code, headers, _ = answers.next()
        assert code == 429 and int(headers["retry-after"]) > 0, code
        connection.sendall(post(EVENT * 100000))
        assert answers.next()[0] == 429
        for other in held:
            other.close()
        for _ in range(100):
            connection.sendall(post(EVENT))
            code, _, _ = answers.next()
            if code == 202:
                break
            time.sleep(0.05)
        assert code == 202


def windows():
    """Frames of zstd ask for memory before they have brought anything: that is counted too."""
    packed = subprocess.run(
        ["zstd", "-qc", "--zstd=wlog=23"], input=os.urandom(16384), capture_output=True, check=True
    ).stdout
    stream = subprocess.run(  # no length in its frame: the window is as large as is said
        ["zstd", "-qc", "--no-check", "--zstd=wlog=23"],
        input=os.urandom(9 << 20), capture_output=True, check=True,
    ).stdout
    assert ask(post(packed, "Content-Encoding: zstd")) == 400  # whole; no record can be read
    held = []
    for _ in range(40):
        other = connect()
        other.sendall(head("Content-Length: 5000000", "Content-Encoding: zstd") + stream[:200000])
        held.append(other)
    time.sleep(0.5)
    assert ask(head("Content-Length: 100000", "Content-Encoding: zstd") + stream[:100000]) == 429
    for other in held:
        other.close()
    large = subprocess.run(
        ["zstd", "-qc", "--long=27"], input=os.urandom(20 << 20), capture_output=True, check=True
    ).stdout[:1000000]
    assert ask(post(large, "Content-Encoding: zstd")) == 400  # a window that none has to take


def large():
    """A body of so many MiB, in lines of 64 KiB, without waiting for 100 Continue."""
    line = b'{"n":"1","pad":"' + b"x" * (65536 - 19) + b'"}\n'
    assert len(line) == 65536
    print(ask(post(line * 16 * int(argument))))


globals()[sys.argv[1]]()
