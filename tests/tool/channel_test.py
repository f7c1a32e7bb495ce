#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The options of a channel: every verb that opens one has them all, and means the same."""

import base64
import contextlib
import json
import socket
import struct
import subprocess
import threading
import time

from harness import Backend, Case, ECHO, SOURCE, main, run, run_json, start

OPTIONS = ["--plaintext", "--cacert FILE", "--cert FILE", "--key FILE", "--insecure",
           "--authority NAME", "--policy NAME", "--service-config JSON",
           "--connect-timeout TIME", "--keepalive-time TIME", "-H, --header",
           "--max-time TIME", "--wait-for-ready"]
VERBS = {"call": ["-d", "x"], "bench": ["-n", "1", "-c", "1"]}
SETTINGS, PING = 4, 6  # frames of HTTP/2


def code_of(verb, target, *words, method=ECHO):
    """How a call ended: its status code, by both verbs."""
    _, result = run_json(verb, target, method, *VERBS[verb], *words)
    return result["status"]["code"] if verb == "call" else ", ".join(result["codes"])


@contextlib.contextmanager
def foreign_server():
    """Address of the grpcio peer of the interop tests; None if it cannot be had."""
    peer = subprocess.Popen(["/usr/bin/python3", SOURCE / "tests/interop/py/server.py"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        words = peer.stdout.readline().decode().split()
        yield words[1] if words else None
    finally:
        peer.kill()
        peer.communicate()


class SilentServer:
    """Accepts connections.  `greets`: and sends SETTINGS.  Notes when frames come."""

    def __init__(self, greets):
        self.greets = greets
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.frames = {}  # by connection: [(seconds since it began, type)]
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            self.threads.append(threading.Thread(target=self.read, args=(one,)))
            self.threads[-1].start()

    def read(self, one):
        frames = self.frames.setdefault(one, [])
        began = time.monotonic()
        with one:
            if self.greets:
                one.sendall(b"\0\0\0" + bytes([SETTINGS, 0]) + b"\0\0\0\0")
            data = b""
            while True:
                try:
                    piece = one.recv(4096)
                except OSError:
                    return
                if not piece:
                    return
                data += piece
                data = data.removeprefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
                while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], "big"):
                    frames.append((time.monotonic() - began, data[3]))
                    data = data[9 + int.from_bytes(data[:3], "big") :]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join()


class Channel(Case):
    def test_every_verb_has_all_options(self):
        for verb in VERBS:
            text = run(verb, "--help").stdout.decode()
            for option in OPTIONS:
                self.assertRegex(text, rf"(?m)^ +{option}")

    def test_tls_is_the_default_and_verifies(self):
        certs = self.certificates()
        with Backend("--tls-cert", certs / "server.pem", "--tls-key",
                     certs / "server.key") as backend:
            for verb in VERBS:
                for words, want in [
                    (["--cacert", certs / "ca.pem"], "OK"),
                    (["--insecure"], "OK"),
                    ([], "UNAVAILABLE"),
                    (["--plaintext"], "UNAVAILABLE"),
                    (["--cacert", certs / "ca.pem", "--authority", "grebe.test"], "OK"),
                    (["--cacert", certs / "ca.pem", "--authority", "other.test"],
                     "UNAVAILABLE"),
                ]:
                    self.assertEqual(code_of(verb, backend.address, *words), want, words)

    def test_clients_show_their_certificate(self):
        certs = self.certificates()
        with Backend("--tls-cert", certs / "server.pem", "--tls-key", certs / "server.key",
                     "--tls-client-ca", certs / "ca.pem") as backend:
            for verb in VERBS:
                ca = ["--cacert", certs / "ca.pem"]
                pair = ["--cert", certs / "client.pem", "--key", certs / "client.key"]
                self.assertEqual(code_of(verb, backend.address, *ca, *pair), "OK")
                self.assertEqual(code_of(verb, backend.address, *ca), "UNAVAILABLE")

    def test_policies_and_service_configs_are_used(self):
        config = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})
        path = self.folder / "config.json"
        path.write_text(config)
        with Backend(count=2) as backend:
            for words in (["--policy", "round_robin"], ["--service-config", config],
                          ["--service-config", f"@{path}"]):
                _, calls = run_json("call", "--plaintext", backend.target, ECHO, "-d", "",
                                    "-n", 20, *words)
                self.assertEqual({call["peer"] for call in calls}, set(backend.addresses))
                _, bench = run_json("bench", "--plaintext", backend.target, ECHO, "-n",
                                    100, *words)
                self.assertEqual(bench["policy"], "round_robin")
                self.assertTrue(all(one["calls"] for one in bench["backends"]))

    def test_timeouts_of_methods_are_those_of_the_service_config(self):
        config = json.dumps({"methodConfig": [{"name": [{}], "timeout": "0.2s"}]})
        with Backend("--delay", "20s", "--drain-timeout", "10ms") as backend:
            for verb in VERBS:
                self.assertEqual(code_of(verb, backend.address, "--plaintext",
                                         "--service-config", config),
                                 "DEADLINE_EXCEEDED")

    def test_connect_timeout_is_kept(self):
        with SilentServer(greets=False) as server:
            for verb in VERBS:
                before = time.monotonic()
                code = code_of(verb, server.address, "--plaintext", "--connect-timeout",
                               "0.3", "--max-time", "15s")
                self.assertEqual(code, "UNAVAILABLE")
                self.assertTrue(0.3 <= time.monotonic() - before < 5)
            # An attempt may take as long as the backoff behind it, which begins with 1 s.
            _, result = run_json("call", "--plaintext", server.address, ECHO, "-d", "",
                                 "--connect-timeout", "0.3")
            address = result["status"]["failure"]["addresses"][0]
            self.assertLessEqual(address["next_attempt_us"], 300000)
            self.assertIn("timed out", address["last_error"])

    def test_max_time_is_the_deadline(self):
        with SilentServer(greets=True) as server:
            for verb in VERBS:
                before = time.monotonic()
                code = code_of(verb, server.address, "--plaintext", "--max-time", "300ms")
                self.assertEqual(code, "DEADLINE_EXCEEDED")
                self.assertTrue(0.3 <= time.monotonic() - before < 5)

    def test_quiet_connections_are_pinged(self):
        """After --keepalive-time, and not at all without it."""
        with SilentServer(greets=True) as server:
            clients = []
            for verb, words in [("call", ["--keepalive-time", "10s"]),
                                ("bench", ["--keepalive-time", "10s"]), ("call", [])]:
                clients.append(start(verb, "--plaintext", server.address, ECHO,
                                     *VERBS[verb], "--max-time", "11.5s", *words))
                time.sleep(0.2)  # so that the connections come in this order
            for client in clients:
                client.communicate(timeout=30)
            pings = [[at for at, kind in frames if kind == PING]
                     for frames in server.frames.values()]
        self.assertEqual([len(one) for one in pings], [1, 1, 0])
        for one in pings[:2]:
            self.assertTrue(9.9 <= one[0] < 11.5, pings)

    def test_wait_for_ready_waits_for_a_backend(self):
        with Backend() as backend:
            address = backend.address  # free from now on
        clients = [start(verb, "--plaintext", address, ECHO, *words, "--wait-for-ready",
                         "--max-time", "20s") for verb, words in VERBS.items()]
        time.sleep(0.3)
        with Backend(listen=address):
            for client in clients:
                _, errors = client.communicate(timeout=30)
                self.assertEqual(client.returncode, 0, errors)

    def test_headers_arrive(self):
        with foreign_server() as address:
            if address is None:
                self.skipTest("no python3-grpcio")
            secret = bytes(range(256))
            text = base64.b64encode(secret).decode()
            for value in (text, text.rstrip("=")):  # with padding or without
                _, call = run_json("call", "--plaintext", address,
                                   "grebe.test.Echo/Unary", "-d", "", "-H",
                                   "X-Echo:  a: b, c", "-H", f"x-echo-bin: {value}")
                self.assertEqual(call["headers"]["x-echo"], "a: b, c")
                self.assertEqual(base64.b64decode(call["trailers"]["x-echo-bin"]), secret)
            words = ["-H", "x-code: 5", "-H", "x-message-bin: aGk="]
            for verb in VERBS:
                self.assertEqual(code_of(verb, address, "--plaintext", *words,
                                         method="grebe.test.Echo/Fail"), "NOT_FOUND")

    def test_headers_of_grpc_itself_are_not_for_callers(self):
        """The library would leave them out without a word."""
        for verb in VERBS:
            words = [verb, "--plaintext", "127.0.0.1:1", ECHO, "-d", "x", "-H"]
            self.check_usage(run(*words, "TE: x"), "-H: TE is gRPC's own")
            self.check_usage(run(*words, "grpc-timeout: 1S"), "is --max-time")

    def test_a_congestion_control_that_is_refused_is_told(self):
        """The connection is made all the same."""
        words = ["--plaintext", "--tcp-congestion", "nonsense"]
        with Backend() as backend:
            done = run("call", backend.address, ECHO, "-d", "x", *words, "--explain")
            self.assertEqual((done.returncode, done.stdout), (0, b"x"))
            self.assertIn(b"refuses socket option TCP_CONGESTION", done.stderr)
            _, bench = run_json("bench", backend.address, ECHO, "-n", 1, *words)
            self.assertIn("TCP_CONGESTION", json.dumps(bench["events"]))


main()
