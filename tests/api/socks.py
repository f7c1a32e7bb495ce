#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""socks.py -- a SOCKS5 proxy (RFC 1928) on loopback, for a test's lifetime.

It connects where it is told, but the host "backend.test" is this machine, and a port of 1
is refused by rule.  Prints `listening ADDRESS`.
"""

import select
import socket
import socketserver
import struct

NO_AUTH, CONNECT, IPV4, NAME = 0, 1, 1, 3
GRANTED, NOT_ALLOWED, REFUSED = 0, 2, 5


def relay(a, b):
    while True:
        for readable in select.select([a, b], [], [])[0]:
            data = readable.recv(65536)
            if not data:
                return
            (b if readable is a else a).sendall(data)


class Session(socketserver.BaseRequestHandler):
    def take(self, n):
        data = b""
        while len(data) < n:
            more = self.request.recv(n - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data

    def answer(self, code):
        self.request.sendall(struct.pack(">BBBB4sH", 5, code, 0, IPV4, b"\0" * 4, 0))

    def handle(self):
        try:
            _, n_methods = self.take(2)
            self.take(n_methods)
            self.request.sendall(bytes([5, NO_AUTH]))
            _, command, _, kind = self.take(4)
            assert command == CONNECT and kind == NAME
            host = self.take(self.take(1)[0]).decode()
            (port,) = struct.unpack(">H", self.take(2))
            if port == 1:
                return self.answer(NOT_ALLOWED)
            host = "127.0.0.1" if host == "backend.test" else host
            try:
                far = socket.create_connection((host, port))
            except OSError:
                return self.answer(REFUSED)
            self.answer(GRANTED)
            relay(self.request, far)
        except ConnectionError:
            pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64


with Server(("127.0.0.1", 0), Session) as server:
    print("listening 127.0.0.1:%d" % server.server_address[1], flush=True)
    server.serve_forever()
