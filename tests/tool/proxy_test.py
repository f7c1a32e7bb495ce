#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Through an HTTP proxy: tinyproxy, as Debian has it, and one that means harm.

No proxy is asked for loopback addresses, so targets here are called 127.1: to grebe that is
a name, which it leaves to the proxy, and to the proxy's resolver it is 127.0.0.1.
"""

import contextlib
import shutil
import socket
import subprocess
import threading
import time
import unittest

from harness import ECHO, Backend, Case, main, run, run_json

TINYPROXY = shutil.which("tinyproxy")
LIMIT_S = 20


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def name_of(address):
    """A target that only a proxy can reach."""
    return "dns:///127.1:" + address.rsplit(":", 1)[1]


class Proxy:
    """tinyproxy for the length of a with statement."""

    def __init__(self, folder, *lines):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        config = folder / "tinyproxy.conf"
        config.write_text("\n".join((f"Port {self.port}", "Listen 127.0.0.1", "Timeout 30",
                                     "MaxClients 20", "Allow 127.0.0.1", *lines, "")))
        self.process = subprocess.Popen([TINYPROXY, "-d", "-c", config],
                                        stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def __enter__(self):
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __exit__(self, *_):
        self.kill()


@unittest.skipUnless(TINYPROXY, "no tinyproxy")
class RealProxy(Case):
    def call(self, target, *words, env=None):
        return run("call", "-d", "hello", *words, target, ECHO, env=env)

    def test_plaintext_calls_go_through(self):
        """RES-23"""
        with Backend() as backend, Proxy(self.folder) as proxy:
            done = self.call(name_of(backend.address), "--plaintext", "--proxy",
                             f"http://{proxy.address}", "-n", "5", "-v")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout, b"hello" * 5)

    def test_tls_is_verified_against_the_target(self):
        folder = self.certificates()
        tls = ["--tls-cert", folder / "server.pem", "--tls-key", folder / "server.key"]
        with Backend(*tls) as backend, Proxy(self.folder) as proxy:
            for name, code in (("grebe.test", 0), ("other.test", 1)):
                done = self.call(name_of(backend.address), "--cacert", folder / "ca.pem",
                                 "--authority", name, "--proxy", proxy.address)
                self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(f"through proxy {proxy.address}: tls handshake:".encode(),
                          done.stderr)

    def test_environment_names_the_proxy(self):
        with Backend() as backend, Proxy(self.folder) as proxy:
            target = name_of(backend.address)
            for variable in ("HTTPS_PROXY", "https_proxy"):
                env = {variable: f"http://{proxy.address}"}
                self.assertEqual(
                    self.call(target, "--plaintext", env=env).returncode, 0)
            dead = {"HTTPS_PROXY": f"http://127.0.0.1:{free_port()}"}
            done = self.call(target, "--plaintext", env=dead)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"connect: connection refused", done.stderr)
            # What is said on the command line counts more.
            self.assertEqual(self.call(target, "--plaintext", "--proxy", proxy.address,
                                       env=dead).returncode, 0)
            # Loopback needs no proxy, and who is named in NO_PROXY neither.
            self.assertEqual(self.call(f"ipv4:{backend.address}", "--plaintext",
                                       env=dead).returncode, 0)
            for words, more in ((["--no-proxy", "*"], {}), (["--proxy", ""], {}),
                                ([], {"NO_PROXY": "127.1"}), ([], {"no_proxy": "127.1"})):
                done = self.call(target, "--plaintext", *words, env={**dead, **more})
                self.assertNotIn(b"proxy", done.stderr)

    def test_credentials_are_asked_for(self):
        with Backend() as backend, Proxy(self.folder, "BasicAuth me secret") as proxy:
            target = name_of(backend.address)
            for user, code, part in (
                    ("me:secret@", 0, b""),
                    ("", 1, b"407 Proxy Authentication Required"),
                    ("me:wrong@", 1, b"401 Unauthorized")):
                done = self.call(target, "--plaintext", "--proxy",
                                 f"http://{user}{proxy.address}")
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(part, done.stderr)
                self.assertNotIn(b"wrong", done.stderr)

    def test_refused_connect_is_told(self):
        with Backend() as backend, Proxy(self.folder, "ConnectPort 1") as proxy:
            done = self.call(name_of(backend.address), "--plaintext", "--proxy",
                             proxy.address)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"proxy {proxy.address}: 403 ".encode(), done.stderr)

    def test_proxy_that_dies_is_told(self):
        with Backend() as backend, Proxy(self.folder) as proxy:
            target = name_of(backend.address)
            words = ["--plaintext", "--proxy", proxy.address]
            self.assertEqual(self.call(target, *words).returncode, 0)
            proxy.kill()
            done = self.call(target, *words)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"proxy {proxy.address}: connect: connection refused".encode(),
                          done.stderr)

    def test_resolve_shows_the_proxy_when_asked(self):
        code, result = run_json("resolve", "dns:///backend.test:80", "--proxy",
                                "10.0.0.9:3128")
        self.assertEqual(code, 0)
        self.assertEqual(result["endpoints"][0]["addresses"][0]["address"],
                         "backend.test:80")
        self.assertEqual(result["source"], "proxy 10.0.0.9:3128")

    def test_nonsense_is_usage(self):
        done = self.call("dns:///h:1", "--plaintext", "--proxy", "socks5://u:secret@h")
        self.check_usage(done, "only http:// proxies are known")
        self.assertNotIn(b"secret", done.stderr)


# ---- A proxy that means harm --------------------------------------------------------------


@contextlib.contextmanager
def scripted(serve):
    """A listener that gives each connection, its request read, to `serve`."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def work(connection):
            with connection, contextlib.suppress(OSError):
                connection.recv(4096)
                serve(connection)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=work, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield "%s:%d" % server.getsockname()
        finally:
            server.shutdown(socket.SHUT_RDWR)


def say_nothing(connection):
    time.sleep(LIMIT_S)


def drip(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X")
        time.sleep(0.05)


def send_fields(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Filler: 0123456789\r\n" * 50)


def send_interim_answers(connection):
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 50)


def send_garbage(connection):
    connection.sendall(bytes(range(256)) * 64)


class HostileProxy(Case):
    def test_everything_ends_in_time(self):
        cases = (
            (say_nothing, "answer to CONNECT: timed out"),
            (drip, "answer to CONNECT: timed out"),
            (send_fields, "its answer is longer than 16384 bytes"),
            (send_interim_answers, "its answer is longer than 16384 bytes"),
            (send_garbage, "it does not speak HTTP/1.1: "),
        )
        for serve, part in cases:
            with self.subTest(serve.__name__), scripted(serve) as address:
                begin = time.monotonic()
                done = run("call", "--plaintext", "-d", "x", "--connect-timeout", "0.5s",
                           "--proxy", address, "dns:///backend.test:80", ECHO)
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"proxy {address}: {part}", done.stderr.decode())
                self.assertLess(time.monotonic() - begin, 10)


main()
