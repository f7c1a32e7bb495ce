#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grebe call: bytes in, bytes out, and everything about it."""

import base64
import contextlib
import json
import os
import pathlib
import signal
import socket
import threading
import time

from harness import Backend, Case, ECHO, main, run, run_json, start


@contextlib.contextmanager
def dns_server_that_knows_no_name():
    """Its address; every answer is NXDOMAIN (RFC 1035 section 4.1.1)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer():
            while True:
                query, client = server.recvfrom(512)
                if not query:
                    return
                counts = b"\0\1" + b"\0" * 6
                server.sendto(query[:2] + b"\x81\x83" + counts + query[12:], client)

        thread = threading.Thread(target=answer)
        thread.start()
        host, port = server.getsockname()
        try:
            yield f"{host}:{port}"
        finally:
            server.sendto(b"", (host, port))
            thread.join()


class Call(Case):
    def call(self, backend, *words, **options):
        return run("call", "--plaintext", backend.target, ECHO, *words, **options)

    def call_json(self, backend, *words):
        return run_json("call", "--plaintext", backend.target, ECHO, *words)

    def test_response_bytes_go_to_stdout_unchanged(self):
        path = self.folder / "request"
        path.write_bytes(bytes(range(256)))
        with Backend() as backend:
            for words, stdin, want in [
                (["-d", "hello"], b"", b"hello"),
                (["-d", ""], b"", b""),
                (["-d", f"@{path}"], b"", bytes(range(256))),
                (["-d", "hex:0a0300fF"], b"", b"\x0a\x03\x00\xff"),
                (["-d", "@-"], b"from stdin", b"from stdin"),
                ([], b"from \0 stdin", b"from \0 stdin"),
                (["-d", "x", "-n", "3"], b"", b"xxx"),
            ]:
                done = self.call(backend, *words, stdin=stdin)
                self.assertEqual((done.returncode, done.stderr), (0, b""))
                self.assertEqual(done.stdout, want)

    def test_text_that_is_no_utf_8_is_escaped(self):
        socket_path, link = self.folder / "s", os.fsdecode(bytes(self.folder) + b"/\xff")
        os.symlink(socket_path, link)
        address = f"unix:{self.folder}/%ff"
        escaped = f"{self.folder}/\\xff"
        refused = f"connection error: {escaped}: connect: "
        with Backend(listen=f"unix:{socket_path}"):
            code, result = run_json("call", "--plaintext", address, ECHO, "-d", "hi")
            self.assertEqual((code, result["peer"]), (0, escaped))
            _, result = run_json("bench", "--plaintext", address, ECHO, "-n", "3")
            self.assertEqual(result["backends"][0]["address"], escaped)
            _, result = run_json("resolve", address)
            self.assertEqual(result["endpoints"][0]["addresses"][0]["address"], escaped)
        done = run("call", "--plaintext", address, ECHO, "-d", "hi")
        self.assertEqual(done.stderr.decode().count(refused), 2)
        _, result = run_json("call", "--plaintext", address, ECHO, "-d", "hi")
        self.assertTrue(result["status"]["message"].startswith(refused))
        failure = result["status"]["failure"]["addresses"][0]
        self.assertEqual(failure["address"], escaped)
        self.assertTrue(failure["last_error"].startswith(refused))

    def test_warnings_are_told_with_v(self):
        with Backend() as backend:
            done = self.call(backend, "-d", "x", "-v", "--keepalive-time", "1s")
            self.assertIn(b"warning   keepalive time below 10 s: 10 s is used\n", done.stderr)
            done = self.call(backend, "-d", "x", "--keepalive-time", "1s")
            self.assertEqual(done.stderr, b"")

    def test_a_mebibyte_comes_back(self):
        message = bytes(range(256)) * 4096
        with Backend() as backend:
            self.assertEqual(self.call(backend, stdin=message).stdout, message)

    def test_json_has_the_fields_of_the_contract(self):
        with Backend("--name", "one") as backend:
            code, result = self.call_json(backend, "-d", "hi")
            self.assertEqual(code, 0)
            self.assertEqual(result["version"], 1)
            self.assertEqual(result["status"], {"code": "OK", "number": 0, "message": ""})
            self.assertEqual(result["peer"], backend.address)
            self.assertEqual(result["headers"]["grebe-backend"], "one")
            self.assertEqual(result["headers"]["content-type"], "application/grpc")
            self.assertEqual(result["trailers"], {})
            self.assertIsInstance(result["latency_us"], int)
            self.assertGreater(result["latency_us"], 0)
            self.assertEqual(base64.b64decode(result["response_base64"]), b"hi")

    def test_json_of_n_calls_is_an_array(self):
        with Backend(count=2) as backend:
            code, results = self.call_json(backend, "-d", "", "-n", 4, "--policy",
                                           "round_robin")
            self.assertEqual(code, 0)
            self.assertEqual([result["status"]["code"] for result in results], ["OK"] * 4)
            code, results = self.call_json(backend, "-d", "", "-n", 1)
            self.assertEqual(len(results), 1)

    def test_failure_is_code_and_message_and_exit_1(self):
        with Backend("--fail-rate", 1, "--fail-code", "NOT_FOUND") as backend:
            done = self.call(backend, "-d", "x")
            self.assertEqual((done.returncode, done.stdout), (1, b""))
            self.assertEqual(done.stderr, b"NOT_FOUND: injected failure\n")
            code, result = self.call_json(backend, "-d", "x")
            self.assertEqual(code, 1)
            self.assertEqual(result["status"], {"code": "NOT_FOUND", "number": 5,
                                                "message": "injected failure"})
            self.assertIsNone(result["response_base64"])

    def test_failure_to_connect_names_each_address_and_its_cause(self):
        with Backend(count=2) as backend:
            pass  # gone, and nobody has its ports
        done = self.call(backend, "-d", "x", "--policy", "round_robin")
        text = done.stderr.decode()
        self.assertEqual(done.returncode, 1)
        self.assertTrue(text.startswith("UNAVAILABLE: "), text)
        for address in backend.addresses:
            self.assertRegex(text, rf"(?m)^  {address}: .*connection refused")
        self.assertIn("next attempt in", text)

    def test_a_name_that_does_not_exist_is_said_to_be_one(self):
        with dns_server_that_knows_no_name() as server:
            done = run("call", "--plaintext", f"dns://{server}/backend.test", ECHO, "-d", "x")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, rb"\n  name resolution: dns: lookup .*: no such host")

    def test_deadline_is_kept(self):
        with Backend("--delay", "5s", "--drain-timeout", "10ms") as backend:
            before = time.monotonic()
            done = self.call(backend, "-d", "x", "--max-time", "0.2")
            self.assertLess(time.monotonic() - before, 3)
            self.assertEqual(done.returncode, 1)
            self.assertTrue(done.stderr.startswith(b"DEADLINE_EXCEEDED: "), done.stderr)

    def test_wait_for_ready_waits(self):
        with Backend() as backend:
            port = backend.address
        client = start("call", "--plaintext", port, ECHO, "-d", "late",
                       "--wait-for-ready", "--max-time", "20s")
        time.sleep(0.3)
        with Backend(listen=port):
            out, errors = client.communicate(timeout=30)
            self.assertEqual((client.returncode, out), (0, b"late"), errors)

    def test_verbose_tells_peer_times_and_metadata(self):
        with Backend("--name", "one") as backend:
            text = self.call(backend, "-d", "x", "-v").stderr.decode()
            self.assertIn(f"peer      {backend.address}, 1 attempt\n", text)
            self.assertRegex(text, r"timing    .*s in all: .* to a backend, .* headers")
            self.assertIn("grebe-backend: one\n", text)
            self.assertIn("trailers  (none)\n", text)

    def test_channelz_is_written_at_the_end(self):
        file = self.folder / "channelz.json"
        with Backend(count=2) as backend:
            done = self.call(backend, "-d", "x", "-n", "4", "--policy", "round_robin",
                             "--channelz", file)
        self.assertEqual(done.returncode, 0, done.stderr)
        seen = json.loads(file.read_text())
        [channel] = seen["channel"]
        self.assertEqual(channel["data"]["callsStarted"], "4")
        self.assertEqual(channel["data"]["callsSucceeded"], "4")
        self.assertEqual(channel["data"]["state"]["state"], "READY")
        self.assertEqual(sorted(one["data"]["target"] for one in seen["subchannel"]),
                         sorted(backend.addresses))
        self.assertEqual(sum(int(one["data"]["streamsStarted"]) for one in seen["socket"]), 4)

    def test_channelz_that_cannot_be_written_is_told(self):
        with Backend() as backend:
            done = self.call(backend, "-d", "x", "--channelz", self.folder / "no" / "file")
            self.check_usage(done, "--channelz: ", "No such file or directory")
            done = self.call(backend, "-d", "x", "--channelz", "/dev/full")
        self.assertEqual((done.returncode, done.stdout), (1, b"x"))
        self.assertIn(b"--channelz: /dev/full: No space left on device", done.stderr)

    def test_recording_that_cannot_be_written_is_told(self):
        with Backend() as backend:
            done = self.call(backend, "-d", "x", "--record", "/dev/full")
        self.assertEqual((done.returncode, done.stdout), (1, b"x"))
        self.assertIn(b"--record: /dev/full: No space left on device", done.stderr)

    def test_explain_tells_target_policy_and_pick(self):
        with Backend() as backend:
            text = self.call(backend, "-d", "x", "--explain", "--policy",
                             "round_robin").stderr.decode()
            self.assertIn("by round_robin\n", text)
            self.assertIn("round_robin: each endpoint in turn\n", text)
            self.assertRegex(text, f"  > {backend.address}  READY  its turn\n")
            self.assertRegex(text, f"picks     .*{backend.address}\n")
            self.assertRegex(text, f"attempts  .* {backend.address} OK\n")
            self.assertRegex(text, "waited    .*for a picker\n")

    def test_explain_is_a_part_of_the_json(self):
        with Backend(count=3) as backend:
            code, call = self.call_json(backend, "-d", "x", "--explain", "--policy",
                                        "round_robin", "--wait-for-ready")
            why = call["explain"]
            self.assertEqual(code, 0)
            self.assertEqual(why["policies"], [{"policy": "round_robin", "depth": 0, "rule":
                                                "each endpoint in turn", "notes": ""}])
            self.assertEqual({c["address"] for c in why["candidates"]},
                             set(backend.addresses))
            self.assertEqual([c["address"] for c in why["candidates"] if c["chosen"]],
                             [call["peer"]])
            self.assertEqual(why["picks"][-1]["kind"], "complete")
            self.assertEqual([a["code"] for a in why["attempts"]], ["OK"])
            self.assertGreater(why["waited_us"]["picker"], 0)
            self.assertNotIn("explain", self.call_json(backend, "-d", "x")[1])

    def test_a_policy_is_loaded_from_a_shared_object(self):
        plugin = pathlib.Path(os.environ["GREBE_BINARY_DIR"], "tests/plugin/sticky.so")
        config = json.dumps({"loadBalancingConfig": [{"sticky": {"header": "session"}}]})
        words = ["--load", plugin, "--service-config", config, "--wait-for-ready", "-H",
                 "session: alice", "-d", "x", "-n", "20"]
        with Backend(count=3) as backend:
            code, calls = self.call_json(backend, *words)
            self.assertEqual(code, 0)
            # The first calls may come before all backends are READY.
            self.assertEqual(len({call["peer"] for call in calls[10:]}), 1)
            done = run("call", "--load", "absent.so", "--plaintext", backend.target, ECHO)
            self.check_usage(done, "--load: ./absent.so: cannot open shared object file")

    def test_policy_of_the_service_config_is_named(self):
        policies = [{"nonsense": {}}, {"round_robin": {}}]
        config = json.dumps({"loadBalancingConfig": policies})
        path = self.folder / "config.json"
        path.write_text(config)
        with Backend() as backend:
            for given in (config, f"@{path}"):
                text = self.call(backend, "-d", "", "--explain", "--policy", "pick_first",
                                 "--service-config", given).stderr.decode()
                self.assertIn("by round_robin\n", text)

    def test_targets_of_all_kinds_are_taken(self):
        path = self.folder / "socket"
        with Backend(listen=f"unix:{path}") as backend:
            self.assertEqual(self.call(backend, "-d", "unix").stdout, b"unix")
        with Backend() as backend:
            port = backend.address.split(":")[1]
            for target in (f"localhost:{port}", f"dns:///localhost:{port}",
                           f"passthrough:///127.0.0.1:{port}", backend.address):
                done = run("call", "--plaintext", target, ECHO, "-d", "x")
                self.assertEqual(done.stdout, b"x", (target, done.stderr))

    def test_tls_verifies_unless_told_not_to(self):
        certs = self.certificates()
        server = ["--tls-cert", certs / "server.pem", "--tls-key", certs / "server.key"]
        with Backend(*server) as backend:
            target = [backend.address, ECHO, "-d", "x"]
            done = run("call", *target, "--cacert", certs / "ca.pem")
            self.assertEqual(done.stdout, b"x", done.stderr)
            self.assertEqual(run("call", *target, "--insecure").stdout, b"x")
            self.assertEqual(run("call", *target, "--max-time", "5s").returncode, 1)
            done = run("call", *target, "--cacert", certs / "ca.pem", "--authority",
                       "other.test", "--max-time", "5s")
            self.assertEqual(done.returncode, 1)
            self.assertEqual(run("call", "--plaintext", *target, "--max-time",
                                 "2s").returncode, 1)

    def test_mutual_tls(self):
        certs = self.certificates()
        with Backend("--tls-cert", certs / "server.pem", "--tls-key",
                     certs / "server.key", "--tls-client-ca",
                     certs / "ca.pem") as backend:
            words = ["call", backend.address, ECHO, "-d", "x", "--cacert",
                     certs / "ca.pem", "--max-time", "5s"]
            done = run(*words, "--cert", certs / "client.pem", "--key",
                       certs / "client.key")
            self.assertEqual(done.stdout, b"x", done.stderr)
            self.assertEqual(run(*words).returncode, 1)

    def test_wrong_words_are_one_line(self):
        self.check_usage(run("call", "x", "method"), "'method' is not like my.Service/")
        self.check_usage(run("call", "x", "a.B/C", "-d", "hex:0"), "hex")
        self.check_usage(run("call", "x", "a.B/C", "-d", "@/nowhere"), "/nowhere")
        self.check_usage(run("call", "x", "a.B/C", "-n", "0"), "--number")

    def test_sigint_ends_it_and_tells_what_there_is(self):
        with Backend("--delay", "10s", "--drain-timeout", "10ms") as backend:
            client = start("call", "--plaintext", backend.target, ECHO, "-d", "x", "-n",
                           5, "-o", "json")
            time.sleep(0.5)
            client.send_signal(signal.SIGINT)
            out, _ = client.communicate(timeout=10)
            self.assertEqual(client.returncode, 1)
            codes = [result["status"]["code"] for result in json.loads(out)]
            self.assertEqual(codes, ["CANCELLED"])


main()
