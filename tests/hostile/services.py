#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""services.py ATTACK -- a server whose health or load service means harm.

It prints `listening ADDRESS` and echoes every call.  Streams that say how the server is
are told from calls by what is asked: a Watch for "evil", or a report interval.  An attack is
what the first of these streams gets, or each one; its docstring says what is wrong with it.
"""

import base64
import socket
import struct
import sys
import threading

from server import (
    END_STREAM,
    GOOD_END,
    GRPC,
    RST_STREAM,
    Connection,
    Gone,
    data,
    frame,
    headers,
    message,
)

SERVING, NOT_SERVING = message(b"\x08\x01"), message(b"\x08\x02")
HALF_BUSY = message(b"\x09" + struct.pack("<d", 0.5))
WINDOW = 65535  # of each stream, and our client gives no more before it has read
TRAILER = "endpoint-load-metrics-bin"

ATTACKS = {}


def attack(function):
    ATTACKS[function.__name__] = function
    return function


def open_stream(stream, payload=b""):
    """Response headers, and messages in frames of 16 KiB."""
    frames = headers(stream, GRPC)
    for at in range(0, len(payload), 16384):
        frames += data(stream, payload[at : at + 16384])
    return frames


def as_many_as_fit(*messages):
    """Messages over and over, up to the window."""
    once = b"".join(messages)
    return once * (WINDOW // len(once))


# ---- Watch: `nth` counts the streams from 0 ------------------------------------------------


@attack
def watch_flood(stream, nth):
    """Nine thousand times the same news."""
    return open_stream(stream, as_many_as_fit(SERVING))


@attack
def watch_flips(stream, nth):
    """Well, ill, well, ill, nine thousand times."""
    return open_stream(stream, as_many_as_fit(NOT_SERVING, SERVING))


@attack
def watch_giant(stream, nth):
    """A message of two gigabytes is announced."""
    if nth > 0:
        return open_stream(stream, SERVING)
    return open_stream(stream, b"\0\x7f\xff\xff\xff" + b"x" * 1000)


@attack
def watch_garbage(stream, nth):
    """What comes is no HealthCheckResponse."""
    return open_stream(stream, message(b"\xff" * 100) if nth == 0 else SERVING)


@attack
def watch_resets(stream, nth):
    """Each stream brings one message and is reset."""
    reset = frame(RST_STREAM, 0, stream, struct.pack(">I", 2))
    return open_stream(stream, SERVING) + reset


@attack
def watch_trickle(stream, nth):
    """Half a message, and then nothing, for ever."""
    return open_stream(stream, SERVING[:3])


@attack
def watch_web_page(stream, nth):
    """Something else answers in its place."""
    if nth > 0:
        return open_stream(stream, SERVING)
    fields = [(":status", "502"), ("content-type", "text/html")]
    return headers(stream, fields) + data(stream, b"<h1>\x1b[31m", END_STREAM)


# ---- Load reports out of band --------------------------------------------------------------


@attack
def load_flood(stream, nth):
    """As many reports as fit, at once."""
    return open_stream(stream, as_many_as_fit(HALF_BUSY))


@attack
def load_giant(stream, nth):
    """A report of two gigabytes is announced."""
    return open_stream(stream, b"\0\x7f\xff\xff\xff" + b"x" * 1000)


@attack
def load_metrics(stream, nth):
    """One report with more names than anyone has resources."""
    return open_stream(stream, message(b"\x42\x02\x0a\0" * 15000))


@attack
def load_garbage(stream, nth):
    """What comes is no report."""
    return open_stream(stream, message(b"\xff" * 100))


@attack
def load_resets(stream, nth):
    """Each stream brings one report and is reset."""
    reset = frame(RST_STREAM, 0, stream, struct.pack(">I", 2))
    return open_stream(stream, HALF_BUSY) + reset


# ---- Load reports behind each call: what the trailers have --------------------------------


def trailer(payload):
    return (TRAILER, base64.b64encode(payload).decode())


TRAILERS = {
    # twice a report that is good
    "trailer_twice": [trailer(HALF_BUSY[5:])] * 2,
    "trailer_garbage": [trailer(b"\xff" * 100)],
    # as many names as a frame has room for
    "trailer_metrics": [trailer(b"\x42\x02\x0a\0" * 2700)],
}


# ---- Main ------------------------------------------------------------------------------------


class Server:
    def __init__(self, name):
        self.attack = ATTACKS.get(name)
        self.end = TRAILERS.get(name, []) + GOOD_END
        self.n_streams = 0
        self.lock = threading.Lock()

    def answer(self, stream, body):
        is_watch, is_report = b"evil" in body, body[5:6] == b"\x0a"
        if not is_watch and not is_report:
            return (
                headers(stream, GRPC)
                + data(stream, body)
                + headers(stream, self.end, END_STREAM)
            )
        if self.attack is None or is_watch != self.attack.__name__.startswith("watch_"):
            return open_stream(stream, SERVING if is_watch else HALF_BUSY)
        with self.lock:
            nth = self.n_streams
            self.n_streams += 1
        return self.attack(stream, nth)

    def handle(self, sock):
        connection = Connection(sock)
        try:
            connection.greet()
            while True:
                connection.send(self.answer(*connection.next_request()))
        except (Gone, OSError):
            pass
        connection.input.close()
        sock.close()


def main():
    server = Server(sys.argv[1] if len(sys.argv) > 1 else None)
    listener = socket.create_server(("127.0.0.1", 0))
    print("listening 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=server.handle, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    main()
