#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grebe backend, as grpcio and h2load see it."""

import base64
import json
import random
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time

from harness import IS_SANITIZED, Backend, Case, main, run, run_json, start

try:
    import grpc
except ImportError:
    print("skipped: python3-grpcio is not installed")
    sys.exit(77)

METHOD = "/grebe.test.Echo/Echo"
HEALTH = "/grpc.health.v1.Health/"
ORCA = "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics"
CPU, MEM, QPS, EPS, APP = 1, 2, 6, 7, 9  # fields of an OrcaLoadReport
BIG = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def doubles(message):
    """The double fields of a protobuf message that has nothing else."""
    fields = {}
    while message:
        fields[message[0] >> 3] = struct.unpack("<d", message[1:9])[0]
        message = message[9:]
    return fields


def varint(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def submessages(message):
    """What is in the repeated field 1 of a message that has nothing else."""
    found = []
    while message:
        length = message[1]  # these are short
        found.append(message[2 : 2 + length])
        message = message[2 + length :]
    return found


class BackendTest(Case):
    def open(self, backend, options=(), credentials=None):
        """A grpcio channel.  It is closed before the backend is stopped, because grpcio
        looks at idle connections rarely, and the backend would wait for it."""
        address = backend.address
        if credentials is None:
            channel = grpc.insecure_channel(address, options=options)
        else:
            channel = grpc.secure_channel(address, credentials, options=options)
        backend.clients.append(channel)
        self.addCleanup(channel.close)
        return channel

    def unary(self, backend, method=METHOD, **options):
        return self.open(backend, **options).unary_unary(method)

    def code_of(self, call, *args, **options):
        with self.assertRaises(grpc.RpcError) as caught:
            call(*args, **options)
        return caught.exception.code()

    def wait_until(self, holds):
        end = time.monotonic() + 10
        while not holds():
            self.assertLess(time.monotonic(), end, "it never came to be")
            time.sleep(0.01)

    # ---- Listening ---------------------------------------------------------------------

    def test_listeners_are_announced_in_order(self):
        with Backend("--listen", "127.0.0.2:0", "--listen", "[::1]:0") as backend:
            lines = [backend.process.stdout.readline().decode() for _ in range(2)]
            self.assertTrue(lines[0].startswith("listening 127.0.0.2:"), lines)
            self.assertTrue(lines[1].startswith("listening [::1]:"), lines)

    def test_count_takes_consecutive_ports(self):
        for _ in range(20):
            port = random.randrange(10000, 30000)  # the system gives others away by itself
            try:
                backend = Backend(listen=f"127.0.0.1:{port}", count=3)
            except AssertionError as error:
                self.assertIn("address already in use", str(error))
                continue
            with backend:
                self.assertEqual(backend.addresses,
                                 [f"127.0.0.1:{port + i}" for i in range(3)])
            return
        self.fail("no three ports in a row are free")

    def test_json_lines_for_programs(self):
        process = start("backend", "--listen", "127.0.0.1:0", "-o", "json")
        line = process.stdout.readline().decode()
        process.terminate()
        process.communicate(timeout=10)
        self.assertRegex(line, r'^\{"version":1,"listening":"127\.0\.0\.1:\d+"\}\n$')

    def test_addresses_that_do_not_work(self):
        with Backend() as backend:
            done = run("backend", "--listen", backend.address)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"address already in use", done.stderr)
        for address in ("nonsense", "localhost:1", "127.0.0.1", "127.0.0.1:99999",
                        "[::1", "unix:relative", ":80", "127.0.0.1:-1"):
            self.check_usage(run("backend", "--listen", address), "not an address like")
        done = run("backend", "--listen", f"unix:{self.folder}/absent/socket")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"no such file or directory", done.stderr)

    def test_socket_of_a_killed_backend_is_taken_over(self):
        address = f"unix:{self.folder}/socket"
        Backend(listen=address).stop(signal.SIGKILL)
        with Backend(listen=address) as backend:
            self.assertEqual(self.unary(backend)(b"x"), b"x")
            done = run("backend", "--listen", address)  # but not of a living one
            self.assertEqual(done.returncode, 1)
            self.assertEqual(self.unary(backend)(b"x"), b"x")

    def test_wrong_words_are_one_line(self):
        for words, part in [
            (["--tls-cert", "x"], "--tls-key"),
            (["--tls-client-ca", "x"], "--tls-cert"),
            (["--tls-cert", "/nowhere", "--tls-key", "/nowhere"],
             "/nowhere: No such file"),
            (["--tls-cert", __file__, "--tls-key", __file__], "no start line"),
            (["--name", "a\nb"], "--name"),
            (["--fail-rate", "2"], "--fail-rate"),
            (["--fail-code", "OK"], "--fail-code"),
            (["--fail-code", "BAD"], "'BAD'"),
            (["--health", "x"], "my.Service=SERVING"),
            (["--health", "x=MAYBE"], "my.Service=SERVING"),
            (["--health", "x=SERVICE_UNKNOWN"], "my.Service=SERVING"),
            (["--health", "x=SERVING", "--count", "2", "--toggle", "3"], "--toggle"),
            (["--toggle", "1"], "without --health"),
            (["--orca", "cpu"], "'cpu' is not like"),
            (["--orca", "cpu=-1"], "'cpu=-1' is not like"),
            (["--orca=mem=1.1"], "'mem=1.1' is not like"),
            (["--orca-interval", "0"], "--orca-interval"),
            (["--count", "0"], "--count"),
        ]:
            self.check_usage(run("backend", *words), part)

    # ---- Echo --------------------------------------------------------------------------

    def test_unary_echoes_any_size(self):
        with Backend() as backend:
            echo = self.unary(backend, options=BIG)
            for size in (0, 1, 5, 16383, 16384, 65536, 1 << 20, 9 << 20):
                message = bytes(i % 251 for i in range(1000)) * (size // 1000 + 1)
                self.assertEqual(echo(message[:size]), message[:size])

    def test_streams_echo_each_message_as_it_arrives(self):
        with Backend() as backend:
            sent = threading.Semaphore(1)

            def requests():
                for i in range(5):
                    self.assertTrue(sent.acquire(timeout=5))  # only after the last echo
                    yield b"message %d" % i

            answers = self.open(backend).stream_stream(METHOD)(requests())
            for i, answer in enumerate(answers):
                self.assertEqual(answer, b"message %d" % i)
                sent.release()
            self.assertEqual(i, 4)

    def test_stream_without_messages_ends_well(self):
        with Backend() as backend:
            self.assertEqual(list(self.open(backend).stream_stream(METHOD)(iter([]))), [])

    def test_long_streams_are_not_limited_by_windows(self):
        message = b"x" * 100_000
        with Backend() as backend:
            stream = self.open(backend).stream_stream(METHOD)
            answers = stream(message for _ in range(500))
            self.assertEqual(sum(len(answer) for answer in answers), 500 * len(message))

    def test_failed_uploads_give_their_windows_back(self):
        with Backend("--fail-rate", "0.5") as backend:
            echo = self.unary(backend, options=BIG)
            codes = set()
            for _ in range(100):  # three times what the connection's window takes
                try:
                    echo(bytes(1 << 20), timeout=10)
                except grpc.RpcError as error:
                    codes.add(error.code())
            self.assertEqual(codes, {grpc.StatusCode.UNAVAILABLE})

    def test_compressed_messages_come_back_compressed(self):
        with Backend() as backend:
            echo = self.open(backend, compression_options()).unary_unary(METHOD)
            self.assertEqual(echo(b"a" * 10000, compression=grpc.Compression.Gzip),
                             b"a" * 10000)

    def test_many_calls_at_once(self):
        with Backend("--delay", "2ms", "--jitter", "2ms") as backend:
            echo = self.unary(backend)
            futures = [echo.future(b"%d" % i) for i in range(2000)]
            self.assertEqual([future.result() for future in futures],
                             [b"%d" % i for i in range(2000)])

    def test_h2load_finds_no_fault(self):
        if shutil.which("h2load") is None:
            self.skipTest("h2load is not installed")
        body = self.folder / "body"
        body.write_bytes(struct.pack(">BI", 0, 1000) + bytes(1000))
        n = 2000 if IS_SANITIZED else 50000
        with Backend() as backend:
            done = subprocess.run(
                ["h2load", "-n", str(n), "-c", "5", "-m", "50", "-d", body, "-H",
                 "content-type: application/grpc", "-H", "te: trailers",
                 f"http://{backend.address}{METHOD}"],
                capture_output=True, timeout=100)
            self.assertIn(f" {n} succeeded, 0 failed, 0 errored".encode(), done.stdout)

    # ---- Behaviour ---------------------------------------------------------------------

    def test_name_is_in_the_headers(self):
        with Backend("--name", "red") as backend:
            _, call = self.unary(backend).with_call(b"")
            self.assertIn(("grebe-backend", "red"), call.initial_metadata())
        with Backend("--name", "blue", count=2) as backend:
            _, call = self.unary(backend).with_call(b"")
            self.assertIn(("grebe-backend", "blue-1"), call.initial_metadata())

    def test_delay_and_jitter(self):
        with Backend("--delay", "50ms", "--jitter", "20ms") as backend:
            echo = self.unary(backend)
            echo(b"")
            times = []
            for _ in range(20):
                before = time.monotonic()
                echo(b"")
                times.append(time.monotonic() - before)
            self.assertGreaterEqual(min(times), 0.03)
            self.assertLess(min(times), 0.05)
            self.assertGreater(sorted(times)[10], 0.04)

    def failures(self, *words):
        """Which of 100 calls fail."""
        with Backend("--fail-rate", "0.3", "--fail-code", "data_loss", *words) as backend:
            echo = self.unary(backend)
            failed = []
            for i in range(100):
                try:
                    echo(b"")
                except grpc.RpcError as error:
                    self.assertEqual(error.code(), grpc.StatusCode.DATA_LOSS)
                    self.assertEqual(error.details(), "injected failure")
                    failed.append(i)
            return failed

    def test_failures_are_those_of_the_seed(self):
        first = self.failures("--seed", "7")
        self.assertTrue(15 < len(first) < 45, first)
        self.assertEqual(self.failures("--seed", "7"), first)
        self.assertNotEqual(self.failures("--seed", "8"), first)

    def test_streams_fail_too(self):
        with Backend("--fail-rate", "1") as backend:
            stream = self.open(backend).stream_stream(METHOD)
            answers = stream(b"x" * 1000 for _ in range(50))
            self.assertEqual(self.code_of(list, answers), grpc.StatusCode.UNAVAILABLE)

    def test_capacity_queues_first_come_first_served(self):
        with Backend("--capacity", 2, "--delay", "100ms") as backend:
            echo = self.unary(backend)
            echo(b"")
            ends, before = {}, time.monotonic()
            calls = []
            for i in range(6):
                call = echo.future(b"")
                call.add_done_callback(
                    lambda _, i=i: ends.setdefault(i, time.monotonic() - before))
                calls.append(call)
            for call in calls:
                call.result()
            time.sleep(0.05)
            waves = [int(ends[i] / 0.1) for i in range(6)]
            self.assertEqual(waves, [1, 1, 2, 2, 3, 3], ends)

    def test_cancelled_calls_give_up_their_place(self):
        with Backend("--capacity", 1, "--delay", "200ms") as backend:
            echo = self.unary(backend)
            echo(b"")
            before = time.monotonic()
            gone = [echo.future(b"") for _ in range(20)]
            time.sleep(0.05)
            for call in gone:
                call.cancel()
            echo(b"")
            self.assertLess(time.monotonic() - before, 1)

    def test_max_streams_is_kept_by_clients(self):
        with Backend("--max-streams", 2, "--delay", "100ms") as backend:
            echo = self.unary(backend)
            echo(b"")
            before = time.monotonic()
            for call in [echo.future(b"") for _ in range(6)]:
                call.result()
            self.assertGreaterEqual(time.monotonic() - before, 0.3)

    def test_deadlines_pass(self):
        with Backend("--delay", "10s", "--drain-timeout", "1s") as backend:
            before = time.monotonic()
            self.assertEqual(self.code_of(self.unary(backend), b"", timeout=0.1),
                             grpc.StatusCode.DEADLINE_EXCEEDED)
            self.assertLess(time.monotonic() - before, 2)

    def test_old_connections_are_replaced_without_loss(self):
        with Backend("--max-age", "100ms", "--delay", "5ms") as backend:
            channel = self.open(backend)
            states = []
            channel.subscribe(states.append)
            echo = channel.unary_unary(METHOD)
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                self.assertEqual(echo(b"x"), b"x")
            self.assertGreater(states.count(grpc.ChannelConnectivity.READY), 3)

    # ---- Ending ------------------------------------------------------------------------

    def test_sigterm_finishes_the_calls(self):
        backend = Backend("--delay", "300ms")
        echo = self.unary(backend)
        echo(b"")
        calls = [echo.future(b"%d" % i) for i in range(100)]
        time.sleep(0.1)
        self.assertEqual(backend.stop(), 0)
        answers = [call.result() for call in calls]
        self.assertEqual(answers, [b"%d" % i for i in range(100)])
        self.assertEqual(self.code_of(echo, b""), grpc.StatusCode.UNAVAILABLE)

    def test_sigterm_lets_streams_finish(self):
        backend = Backend()
        is_draining = threading.Event()

        def requests():
            yield b"before"
            is_draining.wait(5)
            yield b"after"

        answers = self.open(backend).stream_stream(METHOD)(requests())
        self.assertEqual(next(answers), b"before")
        backend.process.terminate()
        time.sleep(0.3)
        is_draining.set()
        self.assertEqual(list(answers), [b"after"])
        self.assertEqual(backend.wait(), 0)

    def test_calls_lose_nothing_while_a_backend_drains(self):
        steady, leaving = Backend(), Backend("--delay", "2ms")
        with steady:
            target = f"ipv4:{steady.address},{leaving.address}"
            client = start("bench", "--plaintext", target, METHOD, "--policy",
                           "round_robin", "-z", "1.5s", "-c", 20, "--fail-if", "errors>0")
            time.sleep(0.7)
            self.assertEqual(leaving.stop(), 0)
            out, errors = client.communicate(timeout=30)
            self.assertEqual(client.returncode, 0, (out, errors))

    def test_calls_beyond_the_drain_timeout_are_lost(self):
        backend = Backend("--delay", "60s", "--drain-timeout", "200ms")
        call = self.unary(backend).future(b"")
        time.sleep(0.3)
        self.assertEqual(backend.stop(), 1)
        self.assertEqual(self.code_of(call.result), grpc.StatusCode.UNAVAILABLE)

    def test_second_signal_ends_it_at_once(self):
        backend = Backend("--delay", "60s")
        call = self.unary(backend).future(b"")
        time.sleep(0.3)
        backend.process.terminate()
        time.sleep(0.2)
        self.assertIsNone(backend.process.poll())
        self.assertEqual(backend.stop(), 1)
        self.assertEqual(self.code_of(call.result), grpc.StatusCode.UNAVAILABLE)

    # ---- TLS ---------------------------------------------------------------------------

    def test_tls(self):
        certs = self.certificates()
        with Backend("--tls-cert", certs / "server.pem", "--tls-key",
                     certs / "server.key") as backend:
            credentials = grpc.ssl_channel_credentials((certs / "ca.pem").read_bytes())
            echo = self.unary(backend, credentials=credentials, options=BIG)
            for size in (0, 100, 1 << 20, 5 << 20):
                self.assertEqual(echo(b"x" * size), b"x" * size)

    def test_mutual_tls(self):
        certs = self.certificates()
        ca, cert, key = ((certs / name).read_bytes()
                         for name in ("ca.pem", "client.pem", "client.key"))
        with Backend("--tls-cert", certs / "server.pem", "--tls-key",
                     certs / "server.key", "--tls-client-ca",
                     certs / "ca.pem") as backend:
            known = grpc.ssl_channel_credentials(ca, key, cert)
            self.assertEqual(self.unary(backend, credentials=known)(b"x"), b"x")
            stranger = self.unary(backend, credentials=grpc.ssl_channel_credentials(ca))
            self.assertEqual(self.code_of(stranger, b"x", timeout=5),
                             grpc.StatusCode.UNAVAILABLE)

    def test_alpn_is_required(self):
        certs = self.certificates()
        with Backend("--tls-cert", certs / "server.pem", "--tls-key",
                     certs / "server.key") as backend:
            for alpn, is_taken in (("h2", True), ("http/1.1", False)):
                done = subprocess.run(
                    ["openssl", "s_client", "-connect", backend.address, "-alpn", alpn],
                    input=b"", capture_output=True, timeout=20)
                self.assertEqual(b"ALPN protocol: h2" in done.stdout, is_taken)

    # ---- Services ----------------------------------------------------------------------

    def test_health_is_checked(self):
        with Backend("--health", "a.B=NOT_SERVING", "--health", "c=NOT_SERVING",
                     "--health", "d=UNKNOWN", "--health", "a.B=SERVING") as backend:
            check = self.unary(backend, HEALTH + "Check")
            self.assertEqual(check(b""), b"\x08\x01")
            self.assertEqual(check(b"\x0a\x03a.B"), b"\x08\x01")  # the last one counts
            self.assertEqual(check(b"\x0a\x01c"), b"\x08\x02")
            self.assertEqual(check(b"\x0a\x01d"), b"")
            for name in (b"x", b"a", b"a.Bx", b"x" * 200):
                request = b"\x0a" + varint(len(name)) + name
                self.assertEqual(self.code_of(check, request), grpc.StatusCode.NOT_FOUND)
            self.assertEqual(self.code_of(check, b"\x0a\xffx"), grpc.StatusCode.INTERNAL)
            self.assertEqual(self.code_of(check, b"\x0a\x7f" + b"x" * 5000),
                             grpc.StatusCode.RESOURCE_EXHAUSTED)

    def test_the_server_as_a_whole_may_be_unwell(self):
        with Backend("--health", "=NOT_SERVING") as backend:
            self.assertEqual(self.unary(backend, HEALTH + "Check")(b""), b"\x08\x02")

    def test_health_of_all_services_is_listed(self):
        with Backend("--health", "b=NOT_SERVING", "--health", "c=SERVING") as backend:
            every = self.unary(backend, HEALTH + "List")
            entries = [b"\x12\x02\x08\x01", b"\x0a\x01b\x12\x02\x08\x02",
                       b"\x0a\x01c\x12\x02\x08\x01"]
            self.assertEqual(sorted(submessages(every(b""))), sorted(entries))
            backend.process.send_signal(signal.SIGUSR1)
            self.wait_until(lambda: every(b"").count(b"\x08\x02") == 3)

    def test_a_hundred_services_are_listed_and_no_more(self):
        lines = [word for i in range(99) for word in ("--health", f"s{i}=SERVING")]
        with Backend(*lines) as backend:
            every = self.unary(backend, HEALTH + "List")
            self.assertEqual(len(submessages(every(b""))), 100)
        with Backend(*lines, "--health", "more=SERVING") as backend:
            self.assertEqual(self.code_of(self.unary(backend, HEALTH + "List"), b""),
                             grpc.StatusCode.RESOURCE_EXHAUSTED)

    def test_health_is_watched_and_toggled(self):
        with Backend("--health", "a.B=SERVING", "--health", "c=NOT_SERVING") as backend:
            watch = self.open(backend).unary_stream(HEALTH + "Watch")
            known, unknown = watch(b"\x0a\x03a.B"), watch(b"\x0a\x01x")
            unwell = watch(b"\x0a\x01c")
            self.assertEqual((next(known), next(unknown)), (b"\x08\x01", b"\x08\x03"))
            self.assertEqual(next(unwell), b"\x08\x02")
            for _ in range(3):
                backend.process.send_signal(signal.SIGUSR1)
                self.assertEqual(next(known), b"\x08\x02")
                self.assertEqual(self.unary(backend, HEALTH + "Check")(b""), b"\x08\x02")
                backend.process.send_signal(signal.SIGUSR2)
                self.assertEqual(next(known), b"\x08\x01")
            backend.process.terminate()
            for stream in (known, unknown, unwell):  # and nothing came in between
                self.assertEqual(self.code_of(next, stream), grpc.StatusCode.UNAVAILABLE)
            self.assertEqual(backend.wait(), 0)

    def test_one_of_several_may_be_toggled(self):
        with Backend("--health", "a=SERVING", "--toggle", 2, count=3) as backend:
            checks = []
            for address in backend.addresses:
                channel = grpc.insecure_channel(address)
                backend.clients.append(channel)
                checks.append(channel.unary_unary(HEALTH + "Check"))
            for number, want in ((signal.SIGUSR1, b"\x08\x02"),
                                 (signal.SIGUSR2, b"\x08\x01")):
                backend.process.send_signal(number)
                self.wait_until(lambda: checks[1](b"\x0a\x01a") == want)
                for i in (0, 2):
                    self.assertEqual(checks[i](b"\x0a\x01a"), b"\x08\x01")

    def test_clients_that_check_leave_out_who_is_not_well(self):
        """The client's half of gRFC A17 is grpcio's."""
        config = {"loadBalancingConfig": [{"round_robin": {}}],
                  "healthCheckConfig": {"serviceName": "a.B"}}
        with Backend("--health", "a.B=SERVING", "--toggle", 1, "--name", "b",
                     count=2) as backend:
            options = [("grpc.service_config", json.dumps(config))]
            channel = grpc.insecure_channel(backend.target, options=options)
            backend.clients.append(channel)
            echo = channel.unary_unary(METHOD)

            def who():
                """Who answers ten calls; none fails."""
                answers = [echo.with_call(b"")[1].initial_metadata() for _ in range(10)]
                return {dict(metadata)["grebe-backend"] for metadata in answers}

            self.wait_until(lambda: who() == {"b-1", "b-2"})
            for _ in range(2):
                backend.process.send_signal(signal.SIGUSR1)
                self.wait_until(lambda: who() == {"b-2"})
                backend.process.send_signal(signal.SIGUSR2)
                self.wait_until(lambda: who() == {"b-1", "b-2"})

    def test_services_that_are_off_are_unimplemented(self):
        with Backend() as backend:
            self.assertEqual(self.code_of(self.unary(backend, HEALTH + "Check"), b""),
                             grpc.StatusCode.UNIMPLEMENTED)
            stream = self.open(backend).unary_stream(ORCA)(b"")
            self.assertEqual(self.code_of(next, stream), grpc.StatusCode.UNIMPLEMENTED)

    def test_load_is_what_the_backend_does(self):
        with Backend("--orca", "--capacity", 4, "--delay", "50ms", "--fail-rate", 0.5,
                     "--orca-interval", "100ms") as backend:
            channel = self.open(backend)
            echo = channel.unary_unary(METHOD)
            is_done = threading.Event()

            def load():
                while not is_done.is_set():
                    for call in [echo.future(b"") for _ in range(2)]:
                        call.exception()

            thread = threading.Thread(target=load)
            thread.start()
            stream = channel.unary_stream(ORCA)(b"")
            reports = [doubles(next(stream)) for _ in range(25)]
            is_done.set()
            thread.join()
            last = reports[-1]
            self.assertTrue(0.3 < last[APP] < 0.6, last)  # 2 of 4 places
            self.assertTrue(20 < last[QPS] < 45, last)  # of 40 calls a second
            self.assertTrue(0.2 * last[QPS] < last[EPS] < 0.8 * last[QPS], last)
            self.assertGreater(last[CPU], 0)

    def reports(self, backend, interval_ms, seconds):
        """When reports come, from the first on, and what the last one says."""
        nanos = interval_ms * 1_000_000
        wanted = b"\x10" + varint(nanos) if nanos >= 0 else b"\x08" + b"\xff" * 9 + b"\x01"
        request = b"\x0a" + bytes([len(wanted)]) + wanted if nanos else b""
        stream = self.open(backend).unary_stream(ORCA)(request, timeout=seconds)
        times = []
        try:
            for report in stream:
                times.append(time.monotonic())
        except grpc.RpcError as error:
            self.assertEqual(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        return [at - times[0] for at in times], doubles(report)

    def test_reports_come_at_once_and_then_not_too_often(self):
        """X-8: with the minimum of --orca-interval a client that asks for less, for
        nothing, or for a negative interval has the minimum, and who asks for more has
        that."""
        with Backend("--orca", "cpu=0.5", "--orca-interval", "300ms") as backend:
            for asked_ms, every_s in ((100, 0.3), (0, 0.3), (-1, 0.3), (600, 0.6)):
                times, last = self.reports(backend, asked_ms, 1.55)
                self.assertEqual(len(times), int(1.5 / every_s) + 1, times)
                for i, at in enumerate(times):
                    self.assertAlmostEqual(at, i * every_s, delta=0.1)
                self.assertEqual(last[CPU], 0.5)

    def test_half_a_minute_is_the_least_unless_told_otherwise(self):
        """X-8: the minimum is 30 s, and the first report comes at once."""
        with Backend("--orca") as backend:
            times, _ = self.reports(backend, 10, 1)
            self.assertEqual(len(times), 1)

    def trailer(self, backend, *orca):
        """The load report behind a call, None without one, and the call's code.  grpcio
        takes the trailer out, so the client is our own."""
        headers = [word for values in orca for word in ("-H", f"grebe-orca: {values}")]
        _, call = run_json("call", "--plaintext", backend.target, METHOD, "-d", "x", *headers)
        value = call["trailers"].get("endpoint-load-metrics-bin")
        report = None if value is None else doubles(base64.b64decode(value))
        return report, call["status"]["code"]

    def test_load_is_reported_behind_calls(self):
        with Backend("--orca") as backend:
            self.unary(backend)(b"")
            time.sleep(0.2)
            self.trailer(backend)
            self.assertGreater(self.trailer(backend)[0][QPS], 0)

    def test_values_may_be_settled(self):
        with Backend("--orca", "cpu=0.4,app=1.5,qps=100,eps=0") as backend:
            for _ in range(3):  # from the first on, and when there is something measured
                self.assertEqual(self.trailer(backend),
                                 ({CPU: 0.4, QPS: 100, APP: 1.5}, "OK"))
                time.sleep(0.2)

    def test_reports_come_with_failures_too(self):
        with Backend("--orca", "cpu=0.5", "--fail-rate", 1) as backend:
            self.assertEqual(self.trailer(backend), ({CPU: 0.5}, "UNAVAILABLE"))

    def test_requests_say_what_their_own_reports_tell(self):
        """X-7: what a handler has set goes over what the server says, for this call; of a
        name that is set twice the later one counts."""
        with Backend("--orca", "cpu=0.4,qps=100") as backend:
            self.assertEqual(self.trailer(backend, "cpu=0.9,eps=1,mem=1", "mem=0.5"),
                             ({CPU: 0.9, MEM: 0.5, QPS: 100, EPS: 1}, "OK"))
            self.assertEqual(self.trailer(backend), ({CPU: 0.4, QPS: 100}, "OK"))
            for text in ("cpu=-1", "nonsense", "mem=0.5,util.x=2"):
                self.assertEqual(self.trailer(backend, text)[1], "INVALID_ARGUMENT")

    def test_no_reports_unless_they_are_wanted(self):
        """X-7: nobody records, and there is no trailer."""
        with Backend() as backend:
            self.assertEqual(self.trailer(backend), (None, "OK"))
            self.assertEqual(self.trailer(backend, "cpu=0.9"), (None, "OK"))


def compression_options():
    return [("grpc.default_compression_algorithm", 2)]


main()
