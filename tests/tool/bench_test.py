#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grebe bench: what it counts, what it says, when it stops."""

import csv
import io
import json
import signal
import subprocess
import sys
import threading
import time

from harness import Backend, Case, ECHO, IS_SANITIZED, SOURCE, main, run, run_json, start

LATENCIES = ["mean", "p50", "p90", "p99", "p99_9", "max"]


def bench(backend, *words, **options):
    return run_json("bench", "--plaintext", backend.target, ECHO, *words, **options)


class Bench(Case):
    def check_latency(self, latency):
        self.assertEqual(sorted(latency), sorted(LATENCIES))
        rising = [latency[name] for name in ("p50", "p90", "p99", "p99_9", "max")]
        self.assertEqual(rising, sorted(rising))
        self.assertGreater(rising[0], 0)

    def test_json_has_the_fields_of_the_contract(self):
        with Backend(count=3) as backend:
            code, result = bench(backend, "-n", 900, "-c", 9, "--policy", "round_robin",
                                 "--warmup", "0.3s")
            self.assertEqual(code, 0)
            self.assertEqual(result["version"], 1)
            self.assertEqual(result["target"], backend.target)
            self.assertEqual(result["method"], ECHO)
            self.assertEqual(result["policy"], "round_robin")
            self.assertEqual((result["mode"], result["in_flight"]), ("closed", 9))
            self.assertIsNone(result["rate_target"])
            self.assertEqual((result["calls"], result["ok"]), (900, 900))
            self.assertEqual(result["codes"], {"OK": 900})
            self.assertAlmostEqual(result["rate"], 900 / result["elapsed_s"], delta=1)
            self.check_latency(result["latency_us"])
            self.assertGreater(result["client"]["cpu_us_per_call"], 0)
            self.assertGreater(result["client"]["max_rss_kb"], 1000)
            self.assertEqual(sorted(result["imbalance"]), ["jain", "max_over_mean"])
            self.assertIsInstance(result["events"], list)

    def test_backends_share_round_robin_exactly(self):
        with Backend(count=3) as backend:
            _, result = bench(backend, "-n", 900, "-c", 9, "--policy", "round_robin",
                              "--warmup", "0.3s")
            self.assertEqual([one["address"] for one in result["backends"]],
                             sorted(backend.addresses))
            for one in result["backends"]:
                self.assertIn(one["calls"], (299, 300, 301))
                self.assertEqual(one["ok"], one["calls"])
                self.assertEqual(one["codes"], {"OK": one["calls"]})
                self.assertAlmostEqual(one["share"], 1 / 3, delta=0.002)
                self.assertIn(one["in_flight_max"], range(1, 10))
                self.check_latency(one["latency_us"])
            self.assertAlmostEqual(result["imbalance"]["max_over_mean"], 1, delta=0.01)
            self.assertAlmostEqual(result["imbalance"]["jain"], 1, delta=0.001)

    def test_backends_that_get_nothing_are_listed_and_weighed(self):
        with Backend(count=4) as backend:
            _, result = bench(backend, "-n", 100)
            self.assertEqual(sorted(one["calls"] for one in result["backends"]),
                             [0, 0, 0, 100])
            self.assertEqual(result["imbalance"], {"max_over_mean": 4.0, "jain": 0.25})

    def test_one_caller_has_one_call_in_flight(self):
        with Backend() as backend:
            _, result = bench(backend, "-n", 200, "-c", 1)
            self.assertEqual(result["backends"][0]["in_flight_max"], 1)

    def test_latency_is_the_backends(self):
        with Backend("--delay", "20ms") as backend:
            _, result = bench(backend, "-n", 100, "-c", 10, "--warmup", "0.1s")
            self.assertGreaterEqual(result["latency_us"]["p50"], 19800)
            self.assertLess(result["latency_us"]["p50"], 40000)
            self.assertGreaterEqual(result["elapsed_s"], 0.2)

    def test_duration_and_warmup_are_kept(self):
        with Backend("--delay", "5ms") as backend:
            before = time.monotonic()
            _, result = bench(backend, "-z", "1s", "--warmup", "0.5s", "-c", 4)
            self.assertGreater(time.monotonic() - before, 1.5)
            self.assertAlmostEqual(result["elapsed_s"], 1, delta=0.1)
            self.assertLess(result["calls"], 4 * 200)

    def test_open_loop_keeps_its_rate(self):
        with Backend(count=2) as backend:
            for _ in range(10):  # a machine that is busy now is not so for ever
                _, result = bench(backend, "-r", 500, "-z", "1s", "--policy",
                                  "round_robin")
                self.assertEqual((result["mode"], result["rate_target"]), ("open", 500))
                self.assertEqual(result["calls"], 500)
                generator = result["generator"]
                self.assertEqual(generator["saturated"], generator["late_us_p99"] > 5000)
                if IS_SANITIZED or not generator["saturated"]:
                    return
            self.fail("the generator is saturated by 500 calls a second")

    def test_open_loop_counts_from_when_a_call_was_due(self):
        # One place, 20 ms each: 50 calls a second fit, 100 come, the last waits a second.
        with Backend("--capacity", 1, "--delay", "20ms") as backend:
            _, result = bench(backend, "-r", 100, "-n", 100)
            self.assertEqual(result["ok"], 100)
            self.assertGreater(result["latency_us"]["max"], 900e3)
            self.assertGreater(result["latency_us"]["p50"], 400e3)
            self.assertGreater(result["in_flight"], 30)
            self.assertGreater(result["backends"][0]["in_flight_max"], 30)

    def test_open_loop_charges_for_the_time_it_was_held_up(self):
        with Backend() as backend:
            for words in ([], ["--threads", 2]):
                client = start("bench", "--plaintext", backend.target, ECHO, "-r", 200,
                               "-z", "2s", "-o", "json", *words)
                time.sleep(0.7)
                client.send_signal(signal.SIGSTOP)
                time.sleep(0.5)
                client.send_signal(signal.SIGCONT)
                result = json.loads(client.communicate(timeout=30)[0])
                self.assertEqual(result["calls"], 400)  # none is dropped
                self.assertGreater(result["latency_us"]["max"], 300e3)
                self.assertGreater(result["latency_us"]["p90"], 100e3)
                self.assertTrue(result["generator"]["saturated"])

    def test_channelz_is_written_at_the_end(self):
        for threads in ((), ("--threads", "2")):
            file = self.folder / "channelz.json"
            with Backend() as backend:
                code, result = bench(backend, "-n", "40", "--warmup", "0s", "--channelz", file,
                                     *threads)
            self.assertEqual(code, 0)
            [channel] = json.loads(file.read_text())["channel"]
            self.assertEqual(channel["data"]["callsSucceeded"], "40")

    def test_files_that_cannot_be_written_cost_no_result(self):
        absent = self.folder / "absent" / "x.json"
        self.check_usage(run("bench", "--plaintext", "127.0.0.1:1", ECHO, "-z", "60s",
                             "--channelz", absent), "--channelz", "No such file")
        with Backend() as backend:
            for option in ("--channelz", "--record", "--save"):
                for threads in ((), ("--threads", "2")):
                    done = run("bench", "--plaintext", backend.target, ECHO, "-n", 2000,
                               option, "/dev/full", *threads)
                    self.assertEqual(done.returncode, 1, option)
                    self.assertRegex(done.stderr.decode(), f"^grebe bench: {option}: "
                                     "/dev/full: No space left on device.*\n$")
                    self.assertIn(b"status   OK 2000", done.stdout, option)

    def test_threads_make_the_same_calls(self):
        with Backend(count=2) as backend:
            for words in (["-c", 4], ["-c", 10], ["-r", 400]):
                _, result = bench(backend, "-n", 200, "--threads", 4, "--policy",
                                  "round_robin", *words)
                self.assertEqual((result["calls"], result["ok"]), (200, 200), words)
                self.check_latency(result["latency_us"])
                calls = [one["calls"] for one in result["backends"]]
                self.assertEqual(sum(calls), 200)

    def test_failed_calls_are_counted_by_code(self):
        with Backend("--fail-rate", 0.2, "--fail-code", "ABORTED") as backend:
            code, result = bench(backend, "-n", 1000)
            self.assertEqual(code, 0)
            failed = result["codes"]["ABORTED"]
            self.assertTrue(100 < failed < 300, failed)
            self.assertEqual(result["ok"], 1000 - failed)
            self.assertEqual(result["backends"][0]["codes"], result["codes"])

    def test_exit_1_if_no_call_succeeds(self):
        with Backend() as backend:
            pass  # gone
        code, result = bench(backend, "-n", 50, "-c", 5)
        self.assertEqual(code, 1)
        self.assertEqual(result["codes"], {"UNAVAILABLE": 50})
        self.assertGreater(result["elapsed_s"], 0.05)  # an outage does not make it spin

    def test_events_tell_of_a_backend_that_dies(self):
        with Backend(count=2, listen="127.0.0.1:0") as steady:
            dying = Backend("--drain-timeout", "10ms")
            addresses = ",".join([*steady.addresses, dying.address])
            threading.Timer(1, dying.stop, [signal.SIGTERM]).start()
            code, result = run_json("bench", "--plaintext", f"ipv4:{addresses}", ECHO,
                                    "-z", "2.5s", "-c", 6, "--policy", "round_robin")
            self.assertEqual((code, result["codes"].keys()), (0, {"OK"}))
            quiet = [event for event in result["events"] if event["event"] == "quiet"]
            self.assertEqual([event["address"] for event in quiet], [dying.address])
            self.assertTrue(1 <= quiet[0]["t_s"] <= 2.5, quiet)
            for event in result["events"]:
                self.assertEqual(sorted(event), ["address", "detail", "event", "t_s"])

    def test_csv_has_a_row_for_all_and_one_for_each_backend(self):
        with Backend(count=2) as backend:
            done = run("bench", "--plaintext", backend.target, ECHO, "-n", 100,
                       "--policy", "round_robin", "-o", "csv")
            rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
            self.assertEqual([row["address"] for row in rows],
                             ["total", *sorted(backend.addresses)])
            self.assertEqual(int(rows[0]["calls"]), 100)
            self.assertEqual(int(rows[1]["calls"]) + int(rows[2]["calls"]), 100)
            self.assertGreater(float(rows[1]["p99_us"]), 0)

    def test_table_tells_the_same(self):
        with Backend(count=2) as backend:
            done = run("bench", "--plaintext", backend.target, ECHO, "-n", 100,
                       "--policy", "round_robin", env={"LC_ALL": "C"})
            text = done.stdout.decode("ascii")
            self.assertIn("round_robin, closed loop, 50 in flight", text)
            self.assertRegex(text, r"  calls    100, ")
            self.assertRegex(text, r"  status   OK 100\n")
            for address in backend.addresses:
                self.assertRegex(text, rf"(?m)^  {address} +\d+\.\d% #+ ")

    def test_limits_decide_the_exit_code(self):
        with Backend("--fail-rate", 0.5) as backend:
            for limits, code in [
                (["p99>10s"], 0), (["p99>1us"], 3), (["p99<1us"], 0), (["p99.9<10s"], 3),
                (["errors>90%"], 0), (["errors>10%"], 3), (["errors>3"], 3),
                (["rate<1"], 0), (["rate>=1"], 3), (["calls>=200"], 3),
                (["calls>200"], 0), (["p50>10s", "cpu>1us"], 3), (["imbalance>1.01"], 0),
                (["jain<=1"], 3),
            ]:
                words = [word for limit in limits for word in ("--fail-if", limit)]
                done = run("bench", "--plaintext", backend.target, ECHO, "-n", 200,
                           *words)
                self.assertEqual(done.returncode, code, limits)
                self.assertEqual(b"grebe bench: " in done.stderr, code == 3)

    def test_result_that_cannot_be_saved_is_known_before_the_run(self):
        path = self.folder / "absent" / "x.json"
        self.check_usage(run("bench", "--plaintext", "127.0.0.1:1", ECHO, "-z", "60s",
                             "--save", path), "--save", "No such file")

    def test_backend_without_calls_has_no_latency(self):
        with Backend(count=2) as backend:
            done = run("bench", "--plaintext", backend.target, ECHO, "-n", 20,
                       "--policy", "pick_first")
            self.assertRegex(done.stdout.decode(),
                             rf"(?m)^  {backend.addresses[1]} +0\.0% +0 +- +- +- +0$")

    def test_baseline_is_compared(self):
        path = self.folder / "before.json"
        with Backend("--delay", "5ms") as backend:
            base = ["bench", "--plaintext", backend.target, ECHO, "-n", 100, "-c", 10]
            self.assertEqual(run(*base, "--save", path).returncode, 0)
            saved = json.loads(path.read_text())
            self.assertEqual((saved["version"], saved["calls"]), (1, 100))
            saved["latency_us"]["p50"] /= 3
            path.write_text(json.dumps(saved))
            for limit, code in (("p50>+1000%", 0), ("p50>+50%", 3), ("p50<-50%", 0)):
                done = run(*base, "--baseline", path, "--fail-if", limit)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertRegex(done.stdout.decode(), r"(?m)^  p50 .*[+-]\d+\.\d%$")

    def test_baseline_is_in_the_json_too(self):
        path = self.folder / "before.json"
        with Backend() as backend:
            self.assertNotIn("baseline", bench(backend, "-n", 100, "--save", path)[1])
            saved = json.loads(path.read_text())
            saved["calls"], saved["ok"] = 200, 150
            path.write_text(json.dumps(saved))
            code, result = bench(backend, "-n", 100, "--baseline", path)
            self.assertEqual(code, 0)
            self.assertEqual(result["baseline"]["calls"],
                             {"before": 200, "now": 100, "change": -0.5})
            self.assertEqual(result["baseline"]["errors_percent"],
                             {"before": 25, "now": 0, "change": -1})
            self.assertEqual(result["baseline"]["p99_9"]["before"],
                             saved["latency_us"]["p99_9"])
            self.assertEqual(sorted(result["baseline"]), sorted(
                [*LATENCIES, "rate", "calls", "errors_percent", "cpu_us_per_call",
                 "max_over_mean", "jain"]))

    def test_wrong_words_are_one_line(self):
        base = ["bench", "--plaintext", "127.0.0.1:1", ECHO]
        bad = self.folder / "bad.json"
        bad.write_text("{}")
        for words, part in [
            (["-c", "0"], "--in-flight"),
            (["-c", "1000001"], "1000000 in flight at most"),
            (["-r", "0"], "--rate: '0' is not a number above 0"),
            (["-r", "1e9"], "10000000 calls a second at most"),
            (["--size", "2G"], "--size: a message has 2147483647 bytes at most"),
            (["-z", "soon"], "--duration"),
            (["-d", "x", "--size", "1"], "--size"),
            (["--fail-if", "p98>1ms"], "p98>1ms"),
            (["--fail-if", "p99>fast"], "p99>fast"),
            (["--fail-if", "p99>+10%"], "needs --baseline"),
            (["--fail-if", "p99"], "'p99' is not like"),
            (["--baseline", "/nowhere"], "/nowhere"),
            (["--baseline", self.folder], "Is a directory"),
            (["--baseline", bad], "was not written by --save"),
            (["--baseline", __file__], "was not written by --save"),
        ]:
            self.check_usage(run(*base, *words), part)

    def test_sigint_prints_the_result_so_far(self):
        with Backend("--delay", "10ms") as backend:
            for words in ([], ["--threads", 2], ["-r", 100], ["--threads", 2, "-r", 100]):
                client = start("bench", "--plaintext", backend.target, ECHO, "-z", "60s",
                               "-c", 4, "-o", "json", *words)
                time.sleep(1)
                client.send_signal(signal.SIGINT)
                out, errors = client.communicate(timeout=10)
                self.assertEqual((client.returncode, errors), (0, b""), words)
                result = json.loads(out)
                self.assertGreater(result["ok"], 20, words)
                self.assertLess(result["elapsed_s"], 5)

    def test_calls_that_hang_are_cut_and_told(self):
        with Backend("--delay", "1h", "--drain-timeout", "10ms") as backend:
            client = start("bench", "--plaintext", backend.target, ECHO, "-c", "3", "-o",
                           "json")
            time.sleep(0.5)
            client.send_signal(signal.SIGINT)
            out, _ = client.communicate(timeout=10)
            result = json.loads(out)
            self.assertEqual((client.returncode, result["calls"]), (1, 0))
            cut = [event["detail"] for event in result["events"]
                   if event["event"] == "cut"]
            self.assertEqual(cut, ["3 calls were still running and are not counted"])


class OfTheRepository(Case):
    def test_limit_without_its_sources_is_told_at_once(self):
        done = subprocess.run([sys.executable, SOURCE / "bench/run", "--limit",
                               "--limit-sources", self.folder], capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertEqual(done.stderr.decode(), f"bench: --limit: {self.folder} has no limit "
                         "client (build.sh): name the folder of its sources with "
                         "--limit-sources\n")


main()
