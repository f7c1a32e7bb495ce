#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""server.py ATTACK -- a server that misbehaves once, and is good from then on.

It prints `listening ADDRESS`.  The first connection is attacked; on that connection, if
it lives, and on all later ones every method echoes its message.  Frames are written by
hand (RFC 9113), header blocks without compression (RFC 7541 6.2.2), so that nothing here
refuses to send what must not be sent.  An attack is a function; its docstring says what
is wrong with it.
"""

import random
import socket
import struct
import sys
import threading
import time

DATA, HEADERS, RST_STREAM, SETTINGS, PUSH_PROMISE = 0, 1, 3, 4, 5
PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
REFUSED_STREAM = 7
PREFACE_LENGTH = 24
FOREVER_S = 60  # longer than any call of the tests

GRPC = [(":status", "200"), ("content-type", "application/grpc")]
GOOD_END = [("grpc-status", "0")]


# ---- Frames ---------------------------------------------------------------------------


def frame(kind, flags, stream, payload=b""):
    length = struct.pack(">I", len(payload))[1:]
    return length + struct.pack(">BBI", kind, flags, stream) + payload


def integer(value, prefix_bits, first):
    """An integer with a prefix of some bits (RFC 7541 5.1)."""
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes([first | value])
    out, value = bytearray([first | limit]), value - limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + bytes([value]))


def literal(name, value, first=0x00):
    text = b""
    for part in (name, value):
        part = part.encode("latin-1")
        text += integer(len(part), 7, 0) + part
    return bytes([first]) + text


def block(fields):
    return b"".join(literal(name, value) for name, value in fields)


def headers(stream, fields, flags=0):
    return frame(HEADERS, END_HEADERS | flags, stream, block(fields))


def message(payload, flag=0):
    return struct.pack(">BI", flag, len(payload)) + payload


def data(stream, payload, flags=0):
    return frame(DATA, flags, stream, payload)


def answer(stream, payload):
    return (
        headers(stream, GRPC)
        + data(stream, payload)
        + headers(stream, GOOD_END, END_STREAM)
    )


# ---- A connection ------------------------------------------------------------------------


class Gone(Exception):
    """The client has closed the connection, as most attacks deserve."""


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(FOREVER_S)
        self.input = sock.makefile("rb")

    def send(self, payload):
        try:
            self.sock.sendall(payload)
        except OSError as error:
            raise Gone from error

    def read(self, length):
        try:
            payload = self.input.read(length)
        except OSError as error:
            raise Gone from error
        if len(payload) < length:
            raise Gone
        return payload

    def read_frame(self):
        head = self.read(9)
        length = int.from_bytes(head[:3], "big")
        return head[3], head[4], int.from_bytes(head[5:], "big"), self.read(length)

    def greet(self):
        """The server's half of the handshake."""
        self.send(frame(SETTINGS, 0, 0))
        self.read(PREFACE_LENGTH)

    def next_request(self):
        """Wait for a complete request: its stream and its DATA."""
        bodies = {}
        while True:
            kind, flags, stream, payload = self.read_frame()
            if kind == SETTINGS and not flags & ACK:
                self.send(frame(SETTINGS, ACK, 0))
            elif kind in (HEADERS, DATA):
                bodies[stream] = bodies.get(stream, b"") + (payload if kind == DATA else b"")
                if flags & END_STREAM:
                    return stream, bodies[stream]

    def serve(self):
        """Be good until the client leaves."""
        while True:
            self.send(answer(*self.next_request()))

    def wait(self):
        """Say nothing more, and wait until the client leaves."""
        while True:
            self.read_frame()


# ---- Attacks before the handshake -----------------------------------------------------


def garbage(c):
    """No HTTP/2, nor anything else."""
    c.send(random.Random(7).randbytes(4096))
    c.wait()


def http_1(c):
    """An older HTTP, as a port mixed up would have it."""
    c.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def ssh_banner(c):
    """Another protocol, which also speaks first."""
    c.send(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    c.wait()


def silence(c):
    """Accepted, and then nothing: the connect deadline has to end it."""
    time.sleep(FOREVER_S)


def half_settings(c):
    """A frame that is announced and never comes."""
    c.send(frame(SETTINGS, 0, 0, b"\0" * 6)[:12])
    time.sleep(FOREVER_S)


def close_at_once(c):
    """Accepted and closed."""


def ping_first(c):
    """The first frame must be SETTINGS (RFC 9113 3.4)."""
    c.send(frame(PING, 0, 0, b"8 bytes!") + frame(SETTINGS, 0, 0))
    c.wait()


def giant_window_setting(c):
    """INITIAL_WINDOW_SIZE beyond 2^31-1 (RFC 9113 6.5.2)."""
    c.send(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31)))
    c.wait()


def endless_first_frame(c):
    """A first frame longer than we allow."""
    c.send(struct.pack(">I", 0xFFFFFF)[1:] + struct.pack(">BBI", SETTINGS, 0, 0))
    c.send(b"\0" * 0xFFFFFF)
    c.wait()


# ---- Floods -----------------------------------------------------------------------------


def many_headers(c):
    """5,000 tiny fields, 180 KB as RFC 9113 counts them; the connection is kept."""
    c.greet()
    stream, _ = c.next_request()
    payload = block(GRPC) + b"".join(literal(f"x{i:x}", "") for i in range(5000))
    pieces = [payload[i : i + 16384] for i in range(0, len(payload), 16384)]
    c.send(frame(HEADERS, 0, stream, pieces[0]))
    for piece in pieces[1:-1]:
        c.send(frame(CONTINUATION, 0, stream, piece))
    c.send(frame(CONTINUATION, END_HEADERS, stream, pieces[-1]))
    c.send(headers(stream, GOOD_END, END_STREAM))
    c.serve()


def hpack_bomb(c):
    """4 KB in the dynamic table, named 16,000 times by a byte each: 64 MB."""
    c.greet()
    stream, _ = c.next_request()
    seed = literal("x", "y" * 4000, first=0x40)
    c.send(frame(HEADERS, 0, stream, block(GRPC) + seed))
    c.send(frame(CONTINUATION, END_HEADERS, stream, b"\xbe" * 16000))
    c.wait()


def continuation_flood(c):
    """A header block that never ends, a byte at a time (CVE-2024-28182)."""
    c.greet()
    stream, _ = c.next_request()
    c.send(frame(HEADERS, 0, stream, block(GRPC)))
    while True:
        c.send(frame(CONTINUATION, 0, stream, literal("x", "")) * 100)


def empty_continuation_flood(c):
    """The same without even a byte."""
    c.greet()
    stream, _ = c.next_request()
    c.send(frame(HEADERS, 0, stream, block(GRPC)))
    while True:
        c.send(frame(CONTINUATION, 0, stream) * 100)


def informational_flood(c):
    """103 after 103."""
    c.greet()
    stream, _ = c.next_request()
    c.send(headers(stream, [(":status", "103")]) * 1000)
    c.serve()


def ping_flood(c):
    """Wants 100,000 answers (CVE-2019-9512)."""
    c.greet()
    c.next_request()
    for _ in range(1000):
        c.send(frame(PING, 0, 0, b"8 bytes!") * 100)
    c.wait()


def settings_flood(c):
    """Wants 100,000 acknowledgements (CVE-2019-9515)."""
    c.greet()
    c.next_request()
    for _ in range(1000):
        c.send(frame(SETTINGS, 0, 0) * 100)
    c.wait()


def empty_data_flood(c):
    """DATA without data (CVE-2019-9518); only the stream suffers."""
    c.greet()
    stream, _ = c.next_request()
    c.send(headers(stream, GRPC) + data(stream, b"") * 2000)
    c.serve()


def unknown_frame_flood(c):
    """Frames of a type nobody knows are to be ignored, but not for ever."""
    c.greet()
    c.next_request()
    for _ in range(1000):
        c.send(frame(0xFA, 0, 0, b"what") * 100)
    c.wait()


def reset_storm(c):
    """Each of the first streams is refused, fifty times over."""
    c.greet()
    for _ in range(20):
        stream, _ = c.next_request()
        refuse = frame(RST_STREAM, 0, stream, struct.pack(">I", REFUSED_STREAM))
        c.send(refuse * 50)
    c.serve()


# ---- Violations of HTTP/2 -------------------------------------------------------------


def garbage_later(c):
    """Starts well, then loses its mind."""
    c.greet()
    c.next_request()
    c.send(random.Random(7).randbytes(65536))
    c.wait()


def window_overflow(c):
    """A connection window beyond 2^31-1 (RFC 9113 6.9.1)."""
    c.greet()
    c.next_request()
    c.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7FFFFFFF)) * 2)
    c.wait()


def stream_window_overflow(c):
    """The same of a stream, which alone is reset."""
    c.greet()
    stream, _ = c.next_request()
    c.send(frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", 0x7FFFFFFF)) * 2)
    c.serve()


def frame_too_large(c):
    """A DATA frame beyond MAX_FRAME_SIZE."""
    c.greet()
    stream, _ = c.next_request()
    c.send(headers(stream, GRPC) + data(stream, message(b"x" * 20000)))
    c.wait()


def push_promise(c):
    """Pushes, though SETTINGS_ENABLE_PUSH is 0."""
    c.greet()
    stream, _ = c.next_request()
    fields = block([(":method", "GET"), (":scheme", "http"), (":path", "/")])
    c.send(frame(PUSH_PROMISE, END_HEADERS, stream, struct.pack(">I", 2) + fields))
    c.wait()


def goaway(last_stream, text=b""):
    return frame(GOAWAY, 0, 0, struct.pack(">II", last_stream, 0) + text)


def goaway_increasing(c):
    """A second GOAWAY that takes back what the first said (RFC 9113 6.8)."""
    c.greet()
    c.next_request()
    c.send(goaway(1) + goaway(5))
    c.wait()


def goaway_even(c):
    """A last stream that cannot be the client's."""
    c.greet()
    c.next_request()
    c.send(goaway(2))
    c.wait()


def goaway_talkative(c):
    """15 KB of debug data, with control characters, for the log."""
    c.greet()
    c.next_request()
    c.send(goaway(1, b"\x1b[31mlook\x00\n" * 1400))


def data_before_headers(c):
    """A response that starts in the middle."""
    c.greet()
    stream, _ = c.next_request()
    c.send(data(stream, message(b"hello")))
    c.wait()


# ---- Violations of gRPC ----------------------------------------------------------------


def giant_length_prefix(c):
    """Announces 4 GiB."""
    c.greet()
    stream, _ = c.next_request()
    c.send(headers(stream, GRPC) + data(stream, b"\0\xff\xff\xff\xff" + b"x" * 1000))
    c.serve()


def bad_base64(c):
    """A binary header that is none."""
    c.greet()
    stream, body = c.next_request()
    c.send(headers(stream, [*GRPC, ("k-bin", "AA=A")]))
    c.serve()


def unknown_flag(c):
    """A message that is neither plain nor compressed."""
    c.greet()
    stream, _ = c.next_request()
    c.send(headers(stream, GRPC) + data(stream, message(b"hello", flag=7)))
    c.serve()


def compressed_without_encoding(c):
    """Compressed, by a method nobody named."""
    c.greet()
    stream, _ = c.next_request()
    c.send(headers(stream, GRPC) + data(stream, message(b"hello", flag=1)))
    c.serve()


def two_messages(c):
    """Two responses to one request."""
    c.greet()
    stream, _ = c.next_request()
    c.send(answer(stream, message(b"one") + message(b"two")))
    c.serve()


def no_message(c):
    """OK, but nothing to show for it."""
    c.greet()
    stream, _ = c.next_request()
    c.send(answer(stream, b""))
    c.serve()


def half_message_then_end(c):
    """OK in the middle of a message."""
    c.greet()
    stream, _ = c.next_request()
    c.send(answer(stream, message(b"hello")[:7]))
    c.serve()


def half_message_then_close(c):
    """The connection ends in the middle of a message."""
    c.greet()
    stream, _ = c.next_request()
    c.send(headers(stream, GRPC) + data(stream, message(b"hello")[:7]))


def no_trailers(c):
    """END_STREAM on the DATA."""
    c.greet()
    stream, body = c.next_request()
    c.send(headers(stream, GRPC) + data(stream, body, END_STREAM))
    c.serve()


def web_page(c):
    """A web server's answer."""
    c.greet()
    stream, _ = c.next_request()
    c.send(headers(stream, [(":status", "404"), ("content-type", "text/html")]))
    c.send(data(stream, b"<h1>\x1b[31mNot Found</h1>" + b"." * 5000, END_STREAM))
    c.serve()


# ---- Main ---------------------------------------------------------------------------------


def handle(sock, attack):
    connection = Connection(sock)
    try:
        if attack is not None:
            attack(connection)
        else:
            connection.greet()
            connection.serve()
        # To close with input unread would reset the connection, and take back answers
        # that are still on their way.
        sock.shutdown(socket.SHUT_WR)
        connection.wait()
    except (Gone, OSError):
        pass
    connection.input.close()
    sock.close()


def main():
    attack = globals()[sys.argv[1]] if len(sys.argv) > 1 else None
    listener = socket.create_server(("127.0.0.1", 0))
    print("listening 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=handle, args=(sock, attack), daemon=True).start()
        attack = None


if __name__ == "__main__":
    main()
