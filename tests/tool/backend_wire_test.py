#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grebe backend, frame by frame: what it says, and what harm clients can do to it."""

import pathlib
import select
import socket
import struct
import time

from harness import Backend, Case, ECHO, IS_SANITIZED, main, run

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
GROWTH_MB = 200 if IS_SANITIZED else 40  # that one hostile client may cause


def frame(kind, flags=0, stream=0, payload=b""):
    length = struct.pack(">I", len(payload))[1:]
    return length + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name, value):
    """A header field that is not indexed, without Huffman coding."""
    def string(text):
        return (bytes([len(text)]) if len(text) < 127
                else b"\x7f" + varint(len(text) - 127)) + text
    return b"\x00" + string(name) + string(value)


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def request(path=b"/a.B/C", *more):
    fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path),
              (b":authority", b"x"), (b"content-type", b"application/grpc"),
              (b"te", b"trailers"), *more]
    return b"".join(literal(*field) for field in fields)


START = PREFACE + frame(SETTINGS)
CALL = frame(HEADERS, END_HEADERS | END_STREAM, 1, request())


def read_frames(data):
    while len(data) >= 9:
        length = int.from_bytes(data[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", data[3:9])
        yield kind, flags, stream, data[9 : 9 + length]
        data = data[9 + length :]


class WireCase(Case):
    def setUp(self):
        super().setUp()
        self.sockets = []
        self.addCleanup(self.close_all)

    def close_all(self):
        for one in self.sockets:
            one.close()

    def connect(self, backend):
        host, port = backend.address.rsplit(":", 1)
        one = socket.create_connection((host, int(port)), timeout=20)
        self.sockets.append(one)
        return one

    def read(self, one, until=lambda data: False, seconds=5):
        """What comes until the peer closes or `until`."""
        data, end = b"", time.monotonic() + seconds
        try:
            while time.monotonic() < end and not until(data):
                if select.select([one], [], [], 0.05)[0]:
                    piece = one.recv(1 << 16)
                    if not piece:
                        break
                    data += piece
        except ConnectionError:
            pass
        return data

    def is_closed(self, one, seconds=5):
        one.settimeout(seconds)
        try:
            while one.recv(1 << 16):
                pass
            return True
        except ConnectionError:
            return True
        except TimeoutError:
            return False


class Wire(WireCase):
    """Answers as they stand in gRPC over HTTP/2 and RFC 9113."""

    def read_kind(self, one, kind, flags=0):
        """Frames up to the first of a kind."""
        def has_come(data):
            return any(frame[0] == kind and frame[1] & flags == flags
                       for frame in read_frames(data))
        return list(read_frames(self.read(one, has_come)))

    def test_settings_come_first(self):
        with Backend("--max-streams", 7) as backend:
            one = self.connect(backend)
            one.sendall(START)
            kind, _, stream, payload = self.read_kind(one, SETTINGS)[0]
            self.assertEqual((kind, stream), (SETTINGS, 0))
            settings = dict(struct.iter_unpack(">HI", payload))
            self.assertEqual(settings[3], 7)  # MAX_CONCURRENT_STREAMS
            one.close()

    def test_unary_answer_is_headers_data_trailers(self):
        with Backend() as backend:
            one = self.connect(backend)
            one.sendall(START + frame(HEADERS, END_HEADERS, 1, request()) +
                        frame(DATA, END_STREAM, 1, b"\0\0\0\0\1x"))
            frames = self.read_kind(one, HEADERS, END_STREAM)
            frames = [each for each in frames if each[2] == 1]
            self.assertEqual([kind for kind, *_ in frames], [HEADERS, DATA, HEADERS])
            self.assertEqual(frames[1][3], b"\0\0\0\0\1x")
            self.assertEqual([flags & END_STREAM for _, flags, *_ in frames], [0, 0, 1])

    def test_early_failure_tells_the_client_to_stop_sending(self):
        with Backend("--fail-rate", 1) as backend:
            one = self.connect(backend)
            one.sendall(START + frame(HEADERS, END_HEADERS, 1, request()))
            frames = [each for each in self.read_kind(one, RST) if each[2] == 1]
            self.assertEqual([kind for kind, *_ in frames], [HEADERS, RST])
            self.assertTrue(frames[0][1] & END_STREAM)
            self.assertEqual(frames[1][3], struct.pack(">I", 0))  # NO_ERROR

    def test_drain_takes_calls_until_its_ping_is_back(self):
        backend = Backend()
        one = self.connect(backend)
        one.sendall(START)
        self.read_kind(one, SETTINGS, ACK)
        backend.process.terminate()
        frames = self.read_kind(one, PING)
        goaways = [payload for kind, _, _, payload in frames if kind == GOAWAY]
        self.assertEqual(goaways, [struct.pack(">II", 0x7FFFFFFF, 0)])
        ping = frames[-1][3]
        before = time.monotonic()
        one.sendall(CALL + frame(PING, ACK, 0, ping))  # sent before GOAWAY was seen
        frames = list(read_frames(self.read(one)))
        self.assertLess(time.monotonic() - before, 0.8)  # not the ping's deadline
        self.assertIn((HEADERS, 1), [(kind, stream) for kind, _, stream, _ in frames])
        goaways = [payload for kind, _, _, payload in frames if kind == GOAWAY]
        self.assertEqual(goaways, [struct.pack(">II", 1, 0)])
        self.assertEqual(backend.wait(), 0)


class HostileClient(WireCase):
    """Whatever one client does, the backend lives, serves others, and stays small."""

    def setUp(self):
        super().setUp()
        self.backend = Backend("--drain-timeout", "100ms")
        self.addCleanup(self.end)
        self.rss_before = self.rss_mb()

    def end(self):
        done = run("call", "--plaintext", self.backend.target, ECHO, "-d", "still here",
                   "--max-time", "10s")
        self.assertEqual(done.stdout, b"still here", done.stderr)
        self.assertLess(self.rss_mb() - self.rss_before, GROWTH_MB)
        self.close_all()
        self.assertEqual(self.backend.stop(), 0)

    def rss_mb(self):
        statm = pathlib.Path(f"/proc/{self.backend.process.pid}/statm").read_text()
        return int(statm.split()[1]) * 4096 / 1e6

    def flood(self, piece, n, start=START):
        """Send a piece n times without reading; stops when it is not taken any more."""
        one = self.connect(self.backend)
        one.sendall(start)
        one.settimeout(2)
        try:
            for _ in range(n):
                one.sendall(piece)
        except (ConnectionError, TimeoutError):
            pass
        return one

    def test_garbage_instead_of_a_preface(self):
        for text in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01" + bytes(200),
                     bytes(range(256)) * 100, PREFACE[:-1] + b"x", b"\xff" * 9):
            one = self.connect(self.backend)
            one.sendall(text)
            self.assertTrue(self.is_closed(one), text[:20])

    def test_preface_byte_by_byte_is_fine(self):
        one = self.connect(self.backend)
        for byte in START + CALL:
            one.send(bytes([byte]))
        frames = self.read(one, lambda data: any(
            kind == HEADERS and flags & END_STREAM
            for kind, flags, _, _ in read_frames(data)))
        self.assertIn(HEADERS, [kind for kind, *_ in read_frames(frames)])

    def test_silence_does_not_keep_others_waiting(self):
        for _ in range(200):
            self.connect(self.backend)

    def test_half_frames_and_a_sudden_end(self):
        for cut in range(1, len(START + CALL), 7):
            one = self.connect(self.backend)
            one.sendall((START + CALL)[:cut])
            one.close()

    def test_frames_that_break_the_protocol(self):
        for bad in (
            frame(DATA, 0, 1, b"x"),  # on an idle stream
            frame(HEADERS, END_HEADERS, 2, request()),  # an even stream
            frame(HEADERS, END_HEADERS, 1, b"\xff" * 20),  # no HPACK
            frame(WINDOW, 0, 0, struct.pack(">I", 0)),
            frame(WINDOW, 0, 0, struct.pack(">I", 0x7FFFFFFF)),
            frame(SETTINGS, 0, 0, b"12345"),
            frame(PING, 0, 0, b"short"),
            frame(PING, 0, 7, bytes(8)),
            b"\xff\xff\xff" + frame(DATA)[3:],  # larger than allowed
            frame(CONTINUATION, END_HEADERS, 1, request()),
            frame(5, END_HEADERS, 1, struct.pack(">I", 2) + request()),  # PUSH_PROMISE
        ):
            one = self.connect(self.backend)
            one.sendall(START + bad)
            frames = list(read_frames(self.read(one)))
            self.assertIn(GOAWAY, [kind for kind, *_ in frames], bad[:12])

    def test_requests_that_are_no_grpc(self):
        for fields, status in [
            ([(b":method", b"GET")], b"405"),
            ([(b":method", b"POST"), (b"content-type", b"text/html")], b"415"),
            ([(b":method", b"POST")], b"415"),
            ([(b":method", b"POST"), (b"content-type", b"application/grpcx")], b"415"),
        ]:
            one = self.connect(self.backend)
            block = b"".join(literal(*field) for field in [
                *fields[:1], (b":scheme", b"http"), (b":path", b"/"),
                (b":authority", b"x"), *fields[1:]])
            one.sendall(START + frame(HEADERS, END_HEADERS | END_STREAM, 1, block))
            data = self.read(one, lambda data: any(
                kind == HEADERS for kind, *_ in read_frames(data)))
            payload = next(payload for kind, _, _, payload in read_frames(data)
                           if kind == HEADERS)
            self.assertTrue(status in payload or huffman(status) in payload, payload)

    def test_bodies_that_are_no_messages_are_echoed_all_the_same(self):
        one = self.connect(self.backend)
        body = b"\x07\xff\xff\xff\xffnot a message"
        one.sendall(START + frame(HEADERS, END_HEADERS, 1, request()) +
                    frame(DATA, END_STREAM, 1, body))
        data = self.read(one, lambda data: body in data)
        self.assertIn(body, data)

    def test_services_do_not_trust_their_requests(self):
        health = request(b"/grpc.health.v1.Health/Check")
        for body in (b"", b"\0", b"\0\0\0\0\x05", b"\0\xff\xff\xff\xff", b"\1\0\0\0\0",
                     b"\0\0\0\0\x02\x0a\xff", b"\0\0\0\0\0\0\0\0\0\0", b"x" * 10000):
            with Backend("--health", "a=SERVING") as backend:
                host, port = backend.address.rsplit(":", 1)
                with socket.create_connection((host, int(port)), timeout=5) as one:
                    one.sendall(START + frame(HEADERS, END_HEADERS, 1, health) +
                                frame(DATA, END_STREAM, 1, body))
                    data = self.read(one, lambda data: b"grpc-status" in data or any(
                        kind == HEADERS for kind, *_ in read_frames(data)))
                    self.assertIn(HEADERS, [kind for kind, *_ in read_frames(data)])

    def test_what_a_call_may_say_of_its_load_is_bounded(self):
        self.assertEqual(self.backend.stop(), 0)
        self.backend = Backend("--orca", "--drain-timeout", "100ms")
        self.rss_before = self.rss_mb()
        names = b",".join(b"util.%d=1" % i for i in range(1000))
        one = self.connect(self.backend)
        one.sendall(START)
        for stream in range(1, 2001, 2):
            block = request(b"/a.B/C", *[(b"grebe-orca", value) for value in (
                b"cpu=1", b"named." + b"x" * 40 + b"=-1e300", b"util." + b"x" * 300 + b"=1",
                names, b"=" * 500, b",,,,", b"cost.=1", b"")])
            one.sendall(frame(HEADERS, END_HEADERS, stream, block) +
                        frame(DATA, END_STREAM, stream, b""))
        frames = [each for each in read_frames(self.read(one, seconds=0.5))
                  if each[2] == 1 and each[0] == HEADERS]
        self.assertTrue(frames and frames[0][1] & END_STREAM)  # INVALID_ARGUMENT at once

    def test_reports_that_nobody_reads_do_not_pile_up(self):
        self.assertEqual(self.backend.stop(), 0)
        self.backend = Backend("--orca", "cpu=1,qps=1,app=1", "--orca-interval", "1ms",
                               "--drain-timeout", "100ms")
        self.rss_before = self.rss_mb()
        one = self.connect(self.backend)
        one.sendall(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0)))
        path = b"/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics"
        for stream in range(1, 401, 2):
            one.sendall(frame(HEADERS, END_HEADERS, stream, request(path)) +
                        frame(DATA, END_STREAM, stream, b"\0\0\0\0\0"))
        time.sleep(2)  # 400,000 reports of 32 bytes
        self.assertLess(self.rss_mb() - self.rss_before, 4 if not IS_SANITIZED else 50)

    def test_ping_flood(self):
        pings = frame(PING, 0, 0, bytes(8)) * 1000
        self.assertTrue(self.is_closed(self.flood(pings, 5000)))

    def test_settings_flood(self):
        self.assertTrue(self.is_closed(self.flood(frame(SETTINGS) * 1000, 5000)))

    def test_continuation_flood(self):
        one = self.flood(frame(CONTINUATION, 0, 1, literal(b"x", b"y") * 100), 20000,
                         START + frame(HEADERS, 0, 1, request()))
        self.assertTrue(self.is_closed(one))

    def test_header_flood(self):
        block = literal(b"name", b"v" * 15000)
        one = self.flood(frame(CONTINUATION, 0, 1, block), 2000,
                         START + frame(HEADERS, 0, 1, request()))
        self.assertTrue(self.is_closed(one))

    def test_rapid_reset(self):
        pieces = b"".join(frame(HEADERS, END_HEADERS, stream, request()) +
                          frame(RST, 0, stream, struct.pack(">I", 8))
                          for stream in range(1, 40001, 2))
        self.flood(pieces, 1)

    def test_answers_that_nobody_reads(self):
        # A stream's window of answers is what one client can make the backend hold, for
        # each of a few streams; then it is not read any more.
        message = frame(DATA, 0, 1, bytes(16384))
        one = self.flood(message, 5000, START + frame(HEADERS, END_HEADERS, 1, request()))
        self.assertLess(self.rss_mb() - self.rss_before, GROWTH_MB)
        one.close()

    def test_window_that_never_opens(self):
        settings = frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0))
        one = self.connect(self.backend)
        one.sendall(PREFACE + settings)
        for stream in range(1, 201, 2):
            one.sendall(frame(HEADERS, END_HEADERS, stream, request()) +
                        frame(DATA, END_STREAM, stream, bytes(1000)))
        time.sleep(0.3)
        one.close()

    def test_many_streams_that_do_nothing(self):
        block = request()
        one = self.flood(b"".join(frame(HEADERS, END_HEADERS, stream, block)
                                  for stream in range(1, 40001, 2)), 1)
        self.read(one, seconds=0.3)

    def test_connections_that_come_and_go(self):
        for _ in range(1000):
            one = self.connect(self.backend)
            one.sendall(START + CALL)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()


def huffman(digits):
    """Three digits as HPACK's Huffman code has them."""
    codes = {b"4": "011010", b"0": "00000", b"5": "011011", b"1": "00001"}
    bits = "".join(codes[bytes([digit])] for digit in digits)
    bits += "1" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


main()
