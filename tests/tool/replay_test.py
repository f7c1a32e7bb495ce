#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grebe replay, and --record of the verbs that open a channel, as people run them.  What a
recording has in it is shown in tests/unit."""

import json
import os
import pathlib
import signal
import time

from harness import ECHO, SOURCE, Backend, Case, main, run, run_json, start

STICKY = pathlib.Path(os.environ["GREBE_BINARY_DIR"], "tests/plugin/sticky.so")


class Replay(Case):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "run.jsonl"

    def record(self, target, *words, policy="round_robin", calls=300):
        """A bench that is recorded; its lines."""
        done = run("bench", "--plaintext", "--policy", policy, "-n", calls, "--threads", 3,
                   "--record", self.file, *words, target, ECHO)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return self.file.read_text().splitlines()

    def events(self, name):
        return [line for line in map(json.loads, self.file.read_text().splitlines())
                if line.get("ev") == name]

    # ---- the same ----------------------------------------------------------------------

    def test_bench_of_several_threads_is_decided_the_same(self):
        with Backend(count=3) as backends:
            lines = self.record(backends.target)
        code, result = run_json("replay", self.file)
        self.assertEqual((code, result["n_differences"], result["not_compared"]), (0, 0, 0))
        self.assertEqual(result["version"], 1)
        self.assertEqual(result["lines"], len(lines))
        self.assertEqual(result["policy"], "round_robin")
        self.assertFalse(result["is_partial"])
        self.assertGreaterEqual(result["picks"], 300)
        self.assertEqual(result["dones"], 300)
        done = run("replay", self.file)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(b"decided the same", done.stdout)

    def test_bench_in_which_backends_die_is_decided_the_same(self):
        with Backend("--delay", "2ms", count=2) as stays, Backend("--delay", "2ms") as dies:
            target = stays.target + "," + dies.address
            bench = start("bench", "--plaintext", "--policy", "round_robin", "-z", "1.5s",
                          "--warmup", "0s", "--threads", 3, "--record", self.file, target, ECHO)
            time.sleep(0.7)
            dies.process.kill()
            bench.communicate(timeout=60)
            dies.process.wait()
            dies.process.communicate()
            dies.process.returncode = 0
        self.assertIn("TRANSIENT_FAILURE", {event["state"] for event in self.events("subconn")})
        code, result = run_json("replay", self.file)
        self.assertEqual((code, result["n_differences"], result["not_compared"]), (0, 0, 0),
                         result["differences"])

    def test_pick_first_and_a_call_are_recorded_too(self):
        with Backend(count=2) as backends:
            done = run("call", "--plaintext", "-n", 3, "--record", self.file, backends.target,
                       ECHO)
            self.assertEqual(done.returncode, 0)
        code, result = run_json("replay", self.file)
        self.assertEqual((code, result["policy"], result["n_differences"]), (0, "pick_first", 0))
        self.assertEqual(len(self.events("done")), 3)

    def test_policy_of_a_shared_object_is_decided_the_same(self):
        config = json.dumps({"loadBalancingConfig": [{"sticky": {"header": "session"}}]})
        with Backend(count=3) as backends:
            lines = self.record(backends.target, "--load", STICKY, "--service-config", config,
                                "-H", "session: alice", "-H", "authorization: hunter2")
        self.assertNotIn("hunter2", "".join(lines))
        picks = [event for event in self.events("pick") if event["kind"] == "complete"]
        self.assertEqual({json.dumps(event["metadata"]) for event in picks},
                         {'[["session", "alice"]]'})
        self.assertEqual(len({event["subconn"] for event in picks[-100:]}), 1)
        code, result = run_json("replay", "--load", STICKY, self.file)
        self.assertEqual((code, result["policy"], result["n_differences"]), (0, "sticky", 0))
        self.check_usage(run("replay", self.file),
                         "line 3: config: no supported policies found in [sticky]")

    def test_scripts_of_the_lab_are_decided_the_same(self):
        n = 0
        for script in sorted((SOURCE / "tests/lab").glob("*.jsonl")):
            if "fail_allocation" in script.read_text():
                continue
            done = run("lab", "--record", self.file, script)
            if done.returncode != 0 or not self.file.stat().st_size:
                continue
            replayed = run("replay", self.file)
            self.assertEqual(replayed.returncode, 0, f"{script}: {replayed.stdout.decode()}")
            n += 1
        self.assertGreater(n, 50)

    # ---- another policy ----------------------------------------------------------------

    def whatif(self):
        """A recording of round_robin over three backends, of which the third is slow, fails
        a tenth of its calls, and is lost in the middle."""
        addresses = [f"10.0.0.{i}:80" for i in (1, 2, 3)]
        script = [{"do": "start", "seed": 7},
                  {"do": "update", "config": [{"round_robin": {}}],
                   "endpoints": [{"addresses": [address]} for address in addresses]}]
        script += [{"do": "subconn", "address": address, "state": state}
                   for address in addresses for state in ("CONNECTING", "READY")]
        for i in range(600):
            script += [{"do": "advance", "ms": 1}, {"do": "pick", "hash": str(i % 5 << 61)}]
            if i == 300:
                script += [{"do": "subconn", "address": addresses[2], "state": "IDLE"},
                           {"do": "subconn", "address": addresses[2], "state": "CONNECTING"}]
            if i == 400:
                script += [{"do": "subconn", "address": addresses[2], "state": "READY"}]
        done = run("lab", "--record", self.file,
                   stdin="\n".join(map(json.dumps, script)).encode())
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        lines, at, n_slow = [], {}, 0
        for line in map(json.loads, self.file.read_text().splitlines()):
            if line.get("ev") == "pick":
                at[line["call"]] = line.get("address")
            if line.get("ev") == "done":
                is_slow = at[line["call"]] == addresses[2]
                n_slow += is_slow
                line["latency_ns"] = 20000000 if is_slow else 2000000
                if is_slow and n_slow % 10 == 0:
                    line["code"] = "UNAVAILABLE"
            lines.append(json.dumps(line))
        self.file.write_text("\n".join(lines) + "\n")
        return addresses

    def test_another_policy_is_shown_beside_the_recorded_one(self):
        self.whatif()
        done = run("replay", "--policy", "pick_first", "--no-color", self.file,
                   env={"LC_ALL": "C"})
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        golden = SOURCE / "tests/tool/replay_whatif.out"
        if os.environ.get("GREBE_UPDATE"):
            golden.write_bytes(done.stdout)
        self.assertEqual(done.stdout.decode(), golden.read_text())

    def test_figures_of_another_policy(self):
        addresses = self.whatif()
        code, result = run_json("replay", "--policy", "pick_first", self.file)
        self.assertEqual((code, result["version"], result["calls"]), (0, 1, 600))
        self.assertEqual(result["recorded"]["policy"], "round_robin")
        self.assertEqual(result["now"]["policy"], "pick_first")
        self.assertEqual([b["address"] for b in result["now"]["backends"]], addresses)
        self.assertEqual([b["calls"] for b in result["now"]["backends"]], [600, 0, 0])
        self.assertEqual(result["now"]["imbalance"]["max_over_mean"], 3.0)
        self.assertAlmostEqual(result["now"]["imbalance"]["jain"], 1 / 3)
        self.assertEqual(result["elsewhere"],
                         600 - result["recorded"]["backends"][0]["calls"])
        self.assertEqual(sum(s["calls"] for s in result["slices"]), 600)
        self.assertEqual(sum(s["elsewhere"] for s in result["slices"]), result["elsewhere"])
        self.assertEqual(result["now"]["ok"], 600)
        self.assertLess(result["recorded"]["ok"], 600)
        self.assertEqual((result["assumed_calls"], result["assumed_connects"]), (0, 0))
        # Five hashes; each goes to one backend while that is there.
        code, result = run_json("replay", "--policy", '{"ring_hash": {}}', self.file)
        self.assertEqual(code, 0)
        self.assertEqual(sum(b["calls"] for b in result["now"]["backends"]), 600)
        self.assertEqual({b["calls"] % 120 for b in result["now"]["backends"]}, {0})

    def test_another_policy_that_is_none_is_usage(self):
        self.whatif()
        self.check_usage(run("replay", "--policy", "nobody", self.file),
                         "grebe replay: --policy: no supported policies found in [nobody]")
        self.check_usage(run("replay", "--policy", '[{"ring_hash": {"minRingSize": -1}}]',
                             self.file), "--policy[0].ring_hash.minRingSize: ")
        self.file.write_text("{}\n")
        self.check_usage(run("replay", "--policy", "pick_first", self.file), "line 1: ")

    def test_another_policy_sees_the_headers_that_were_named(self):
        config = '{"ring_hash": {"requestHashHeader": "session"}}'
        with Backend(count=3) as backends:
            self.record(backends.target, "-H", "session: alice", "--record-metadata", "session")
        code, result = run_json("replay", "--policy", config, self.file)
        self.assertEqual(code, 0)
        self.assertEqual(sorted(b["calls"] for b in result["now"]["backends"]), [0, 0, 300])

    # ---- not the same ------------------------------------------------------------------

    def test_change_is_shown_at_its_line(self):
        with Backend(count=2) as backends:
            lines = self.record(backends.target, calls=50)
        at = [i for i, line in enumerate(lines) if '"kind":"complete"' in line][20]
        lines[at] = lines[at].replace('"subconn":', '"subconn":9')
        self.file.write_text("\n".join(lines) + "\n")
        code, result = run_json("replay", self.file)
        self.assertEqual(code, 1)
        self.assertEqual([(d["line"], d["is_pick"]) for d in result["differences"]],
                         [(at + 1, True)])
        done = run("replay", self.file)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"line {at + 1}: a pick is decided otherwise".encode(), done.stdout)
        self.assertIn(b"1 difference\n", done.stdout)

    # ---- not whole ---------------------------------------------------------------------

    def test_recording_that_was_cut_off_says_so(self):
        with Backend(count=2) as backends:
            lines = self.record(backends.target, calls=50)
        self.file.write_text("\n".join(lines[:60]) + "\n" + lines[60][:20])
        code, result = run_json("replay", self.file)
        self.assertEqual((code, result["lines"], result["is_partial"]), (0, 60, True))
        self.assertIn(b"partial: it was cut off before its end",
                      run("replay", self.file).stdout)

    def test_sigint_leaves_a_whole_file(self):
        with Backend(count=2) as backends:
            bench = start("bench", "--plaintext", "-z", "60s", "--record", self.file,
                          backends.target, ECHO)
            time.sleep(1)
            bench.send_signal(signal.SIGINT)
            bench.communicate(timeout=60)
        code, result = run_json("replay", self.file)
        self.assertEqual((code, result["n_differences"], result["is_partial"]), (0, 0, False))

    def test_sigkill_leaves_a_file_that_can_be_replayed(self):
        with Backend(count=2) as backends:
            bench = start("bench", "--plaintext", "-z", "60s", "--record", self.file,
                          backends.target, ECHO)
            time.sleep(1)
            bench.kill()
            bench.communicate()
        code, result = run_json("replay", self.file)
        self.assertEqual((code, result["n_differences"], result["is_partial"]), (0, 0, True))
        self.assertGreater(result["picks"], 100)

    # ---- wrong -------------------------------------------------------------------------

    def test_damage_is_one_line_with_a_number(self):
        for text, flaw in (
                (b"hello\n", "line 1: "),
                (b"", "there is no whole line in it"),
                (b'{"ns":1,"ev":"end"}\n', "line 1: this is no recording"),
                (b'{"grebe_recording":9}\n', "line 1: a recording of version 9"),
                (b"\xff\xfe\n", "line 1: ")):
            self.file.write_bytes(text)
            self.check_usage(run("replay", self.file), flaw)
        self.check_usage(run("replay", self.folder / "absent"), "No such file")
        self.check_usage(run("replay"), "FILE")

    def test_file_that_cannot_be_made_is_one_line(self):
        done = run("call", "--plaintext", "--record", "/nowhere/x", "ipv4:127.0.0.1:1", ECHO)
        self.check_usage(done, "recording /nowhere/x: No such file or directory")


if __name__ == "__main__":
    main()
