#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""failures_test.py [--update] -- each way for a call to fail, and what it then says.

A case makes a world in which one call fails; what `grebe call` writes is compared with
golden/CASE.txt: first the text on stderr, then the JSON on stdout.  Addresses have names
there, A the first, and times are TIME.  --update writes the files: read the difference
before you commit it.
"""

import contextlib
import json
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import threading

from harness import SOURCE, Backend, Case, ECHO, main, run

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"
UPDATES = "--update" in sys.argv
TIME = re.compile(r"\b\d+(\.\d+)?(ns|us|ms|s)\b")
AGE = re.compile(r"just now|TIME ago")
NXDOMAIN, SERVFAIL, NOERROR = 3, 2, 0


# ---- Peers ------------------------------------------------------------------------------


def unused_port():
    """A port of loopback on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


@contextlib.contextmanager
def listener(serve):
    """A TCP server that gives each connection to `serve`; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield "%s:%d" % server.getsockname()
        finally:
            server.shutdown(socket.SHUT_RDWR)


def forbid(connection):
    """An HTTP proxy that does not like where one wants to go."""
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")


def say_nothing(connection):
    """Until the client goes."""
    with contextlib.suppress(OSError), connection:
        while connection.recv(4096):
            pass


def hang_up(connection):
    """Without a word, but read what comes: no reset is provoked."""
    connection.shutdown(socket.SHUT_WR)
    say_nothing(connection)


def tls_server(certificate, key, **options):
    """Serves TLS and nothing above it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if "alpn" in options:
        context.set_alpn_protocols(options["alpn"])

    def serve(connection):
        with contextlib.suppress(OSError), connection:
            with context.wrap_socket(connection, server_side=True) as secure:
                secure.recv(1)

    return serve


@contextlib.contextmanager
def dns_server(code):
    """Answers every question with that code and no record; None: with nothing at all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer():
            while True:
                query, client = server.recvfrom(512)
                if not query:
                    return
                if code is not None:
                    flags = bytes([0x81, 0x80 | code])
                    server.sendto(query[:2] + flags + b"\0\1" + b"\0" * 6 + question(query),
                                  client)

        thread = threading.Thread(target=answer)
        thread.start()
        host, port = server.getsockname()
        try:
            yield f"{host}:{port}"
        finally:
            server.sendto(b"", (host, port))
            thread.join()


def question(query):
    """The question section of a query (RFC 1035 section 4.1.2), without what follows."""
    end = query.index(b"\0", 12) + 5
    return query[12:end]


@contextlib.contextmanager
def attacker(name):
    """A server of tests/hostile that does this to its first connection; its address."""
    script = SOURCE / "tests/hostile/server.py"
    with subprocess.Popen([sys.executable, script, name], stdout=subprocess.PIPE) as server:
        try:
            yield server.stdout.readline().decode().split()[1]
        finally:
            server.kill()


# ---- Cases ------------------------------------------------------------------------------


class Failures(Case):
    def tell(self, name, words, addresses=()):
        """The call fails and tells what golden/name.txt has."""
        done = run("call", *words, "-d", "x", "-o", "json")
        self.assertEqual(done.returncode, 1, done.stderr.decode())
        result = json.loads(done.stdout)
        status = {**result["status"], "failure": result["status"].get("failure")}
        said = done.stderr.decode() + json.dumps(status, indent=2) + "\n"
        said = re.sub(r'("\w+_us"): \d+', r"\1: 0", said)
        for label, address in zip("ABCDEFGH", addresses):
            said = said.replace(address, label)
        said = AGE.sub("AGE", TIME.sub("TIME", said)).replace(str(self.folder), "FOLDER")
        golden = GOLDEN / f"{name}.txt"
        if UPDATES:
            golden.write_text(said)
        self.assertEqual(said, golden.read_text())

    def fail_at(self, name, addresses, *words):
        self.tell(name, ["--plaintext", "ipv4:" + ",".join(addresses), ECHO, *words],
                  addresses)

    def fail_tls(self, name, address, *words):
        """Over TLS, trusting the authority of this test, to a server that is grebe.test."""
        self.tell(name, ["--cacert", self.folder / "ca.pem", "--authority", "grebe.test",
                         f"ipv4:{address}", ECHO, *words], [address])

    def make_certificates(self):
        script = SOURCE / "tests/io/certs.sh"
        subprocess.run(["sh", script, self.folder], check=True, capture_output=True)

    # -- Nobody there ----

    def test_connection_refused(self):
        self.fail_at("connection_refused", [unused_port()])

    def test_every_address_refused(self):
        self.fail_at("every_address_refused", [unused_port(), unused_port()])

    def test_every_backend_refused_under_round_robin(self):
        self.fail_at("every_backend_refused_under_round_robin", [unused_port()],
                     "--policy", "round_robin")

    def test_no_such_socket(self):
        self.tell("no_such_socket", ["--plaintext", f"unix:{self.folder}/nobody", ECHO])

    def test_server_never_says_anything(self):
        with listener(say_nothing) as it:
            self.fail_at("server_never_says_anything", [it], "--connect-timeout", "0.3s")

    def test_server_hangs_up_at_once(self):
        with listener(hang_up) as it:
            self.fail_at("server_hangs_up_at_once", [it])

    # -- A proxy ----

    def test_proxy_refused(self):
        proxy = unused_port()
        self.tell("proxy_refused",
                  ["--plaintext", "--proxy", proxy, "dns:///backend.test:80", ECHO], [proxy])

    def test_proxy_forbids(self):
        with listener(forbid) as it:
            self.tell("proxy_forbids",
                      ["--plaintext", "--proxy", it, "dns:///backend.test:80", ECHO], [it])

    def test_proxy_never_answers(self):
        with listener(say_nothing) as it:
            self.tell("proxy_never_answers",
                      ["--plaintext", "--connect-timeout", "0.3s", "--proxy", it,
                       "dns:///backend.test:80", ECHO], [it])

    # -- No name ----

    def test_name_not_found(self):
        with dns_server(NXDOMAIN) as server:
            self.tell("name_not_found",
                      ["--plaintext", f"dns://{server}/nowhere.test:80", ECHO], [server])

    def test_name_has_no_address(self):
        with dns_server(NOERROR) as server:
            self.tell("name_has_no_address",
                      ["--plaintext", f"dns://{server}/empty.test:80", ECHO], [server])

    def test_name_server_fails(self):
        with dns_server(SERVFAIL) as server:
            self.tell("name_server_fails",
                      ["--plaintext", f"dns://{server}/broken.test:80", ECHO], [server])

    def test_name_server_is_silent(self):
        with dns_server(None) as server:
            self.tell("name_server_is_silent",
                      ["--plaintext", f"dns://{server}/slow.test:80", ECHO,
                       "--max-time", "0.3s"], [server])

    # -- Somebody else there ----

    def test_tls_name_mismatch(self):
        self.make_certificates()
        with Backend("--tls-cert", self.folder / "server.pem", "--tls-key",
                     self.folder / "server.key") as backend:
            self.fail_tls("tls_name_mismatch", backend.address, "--authority", "other.test")

    def test_tls_certificate_expired(self):
        self.make_certificates()
        with Backend("--tls-cert", self.folder / "expired.pem", "--tls-key",
                     self.folder / "expired.key") as backend:
            self.fail_tls("tls_certificate_expired", backend.address)

    def test_tls_authority_unknown(self):
        self.make_certificates()
        with Backend("--tls-cert", self.folder / "stranger.pem", "--tls-key",
                     self.folder / "stranger.key") as backend:
            self.fail_tls("tls_authority_unknown", backend.address)

    def test_tls_to_a_server_without_it(self):
        self.make_certificates()
        with Backend() as backend:
            self.fail_tls("tls_to_a_server_without_it", backend.address)

    def test_tls_server_that_does_not_know_http_2(self):
        self.make_certificates()
        serve = tls_server(self.folder / "server.pem", self.folder / "server.key",
                           alpn=["http/1.1"])
        with listener(serve) as it:
            self.fail_tls("tls_server_that_does_not_know_http_2", it)

    def test_tls_server_wants_a_certificate(self):
        self.make_certificates()
        with Backend("--tls-cert", self.folder / "server.pem", "--tls-key",
                     self.folder / "server.key", "--tls-client-ca",
                     self.folder / "ca.pem") as backend:
            self.fail_tls("tls_server_wants_a_certificate", backend.address)

    def test_plaintext_to_a_tls_server(self):
        self.make_certificates()
        with Backend("--tls-cert", self.folder / "server.pem", "--tls-key",
                     self.folder / "server.key") as backend:
            self.fail_at("plaintext_to_a_tls_server", [backend.address])

    def test_plaintext_to_a_tls_server_that_says_so(self):
        def alert(connection):
            connection.sendall(bytes([21, 3, 1, 0, 2, 2, 70]))  # fatal, protocol_version
            hang_up(connection)

        with listener(alert) as it:
            self.fail_at("plaintext_to_a_tls_server_that_says_so", [it])

    def test_server_speaks_http_1(self):
        with attacker("http_1") as it:
            self.fail_at("server_speaks_http_1", [it])

    def test_server_speaks_ssh(self):
        with attacker("ssh_banner") as it:
            self.fail_at("server_speaks_ssh", [it])

    def test_server_answers_a_web_page(self):
        with attacker("web_page") as it:
            self.fail_at("server_answers_a_web_page", [it])

    # -- Too late ----

    def test_deadline_while_nobody_is_ready(self):
        self.fail_at("deadline_while_nobody_is_ready", [unused_port()], "--wait-for-ready",
                     "--max-time", "0.3s")

    def test_deadline_while_connecting(self):
        with listener(say_nothing) as it:
            self.fail_at("deadline_while_connecting", [it], "--max-time", "0.3s")

    def test_deadline_while_the_server_works(self):
        with Backend("--delay", "5s") as backend:
            self.fail_at("deadline_while_the_server_works", [backend.address],
                         "--max-time", "0.3s")

    def test_deadline_over_before_it_began(self):
        with Backend("--delay", "5s") as backend:
            self.fail_at("deadline_over_before_it_began", [backend.address],
                         "--max-time", "1ns")

    # -- There, but not well ----

    def fail_unhealthy(self, name, service, *words):
        config = {"loadBalancingConfig": [{"round_robin": {}}],
                  "healthCheckConfig": {"serviceName": service}}
        with Backend("--health", "my.Service=NOT_SERVING") as backend:
            self.fail_at(name, [backend.address], "--service-config", json.dumps(config),
                         *words)

    def test_every_backend_is_unhealthy(self):
        self.fail_unhealthy("every_backend_is_unhealthy", "my.Service")

    def test_health_is_asked_of_an_unknown_service(self):
        self.fail_unhealthy("health_is_asked_of_an_unknown_service", "no.Service")

    def test_deadline_while_every_backend_is_unhealthy(self):
        self.fail_unhealthy("deadline_while_every_backend_is_unhealthy", "my.Service",
                            "--wait-for-ready", "--max-time", "0.3s")

    # -- No file ----

    def test_no_such_file(self):
        self.tell("no_such_file", ["--plaintext", f"file:{self.folder}/absent.json", ECHO])

    def test_file_is_no_list(self):
        (self.folder / "list.json").write_text('{"endpoints": [{"addresses": [7]}]}')
        self.tell("file_is_no_list", ["--plaintext", f"file:{self.folder}/list.json", ECHO])

    def test_file_lists_nobody(self):
        (self.folder / "list.json").write_text("[]")
        self.tell("file_lists_nobody",
                  ["--plaintext", f"file:{self.folder}/list.json", ECHO])

    # -- The server's word ----

    def test_server_says_no(self):
        with Backend("--fail-rate", "1", "--fail-code", "PERMISSION_DENIED") as backend:
            self.fail_at("server_says_no", [backend.address])

    def test_message_is_too_large(self):
        with attacker("giant_length_prefix") as it:
            self.fail_at("message_is_too_large", [it])

    def test_connection_is_lost_in_the_middle(self):
        with attacker("half_message_then_close") as it:
            self.fail_at("connection_is_lost_in_the_middle", [it])


if __name__ == "__main__":
    sys.argv = [word for word in sys.argv if word != "--update"]
    main()
