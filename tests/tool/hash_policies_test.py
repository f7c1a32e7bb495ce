#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Policies that hash calls, with the tool and real backends.

Endpoints have hash keys, so that where a call belongs does not depend on the ports that the
backends happened to get.
"""

import json
import os
import signal

from harness import ECHO, Backend, Case, main, run, run_json

N = 5
KEYS = [f"user-{i}" for i in range(100)]


def config_of(policy):
    return {"loadBalancingConfig": [{policy: {"requestHashHeader": "x-user"}}]}


class HashPolicies(Case):
    def start(self, n=N, *words):
        self.backends = {}
        for i in range(n):
            self.backends[f"b{i}"] = backend = Backend(*words)
            self.addCleanup(backend.stop)
        self.names = {one.address: name for name, one in self.backends.items()}

    def target(self, policy, without=()):
        """A file that lists the backends, each under a name of its own."""
        endpoints = [{"addresses": [address], "hashKey": name}
                     for address, name in self.names.items() if name not in without]
        path = self.folder / "backends.json"
        path.with_suffix(".new").write_text(json.dumps(
            {"endpoints": endpoints, "serviceConfig": config_of(policy)}))
        os.rename(path.with_suffix(".new"), path)
        return f"file:{path}"

    def owners(self, target):
        """Which backend serves each key, asked by a new client each time."""
        owners = {}
        for key in KEYS:
            code, call = run_json("call", "--plaintext", "-H", f"x-user: {key}", "-d", "x",
                                  target, ECHO)
            self.assertEqual(code, 0, call)
            owners[key] = self.names[call["peer"]]
        return owners

    def check_leaving(self, policy, most_of_list):
        """One of five leaves.  As long as it is listed its own keys move and no others; once
        it is not, at most `most_of_list` of all do."""
        self.start()
        before = self.owners(self.target(policy))
        self.assertEqual(set(before.values()), set(self.names.values()))
        self.backends["b2"].stop(signal.SIGKILL)
        failed = self.owners(self.target(policy))
        own = {key for key in KEYS if before[key] == "b2"}
        self.assertEqual({key for key in KEYS if before[key] != failed[key]}, own)
        self.assertLessEqual(len(own), len(KEYS) * (1 / N + 0.05))
        left = self.owners(self.target(policy, without=["b2"]))
        moved = {key for key in KEYS if before[key] != left[key]}
        self.assertLessEqual(own, moved)
        self.assertLessEqual(len(moved), len(KEYS) * most_of_list)

    def test_ring_hash_moves_few_keys_when_one_leaves(self):
        self.check_leaving("ring_hash", 2 / N)

    def test_maglev_moves_few_keys_when_one_leaves(self):
        self.check_leaving("maglev", 1 / N + 0.05)

    def test_rendezvous_moves_few_keys_when_one_leaves(self):
        self.check_leaving("rendezvous", 1 / N + 0.05)

    def test_a_key_that_everybody_asks_for_spills_over(self):
        """Thirty calls at a time, each of 20 ms, with one header: one backend has them all, or,
        with a bound, no more than one and a half times its share."""
        self.start(3, "--delay", "20ms")
        words = ["-n", 600, "-c", 30, "-H", "x-user: user-1"]
        for policy, most in (("ring_hash", 600), ("bounded_load_ring_hash", 360)):
            # Whoever is needed has been connected before the calls that count.
            code, result = run_json("bench", "--plaintext", self.target(policy), ECHO,
                                    "--warmup", "0.5s", *words)
            calls = sorted(one["calls"] for one in result["backends"])
            self.assertEqual((code, result["ok"]), (0, 600))
            self.assertLessEqual(calls[-1], most)
            if policy == "ring_hash":
                self.assertEqual(calls, [0, 0, 600])
            else:
                self.assertGreater(calls[1], 120)

    def test_calls_with_one_header_stay_with_one_backend(self):
        """R-38: and a call tells why it went there."""
        self.start(3)
        target = self.target("ring_hash")
        code, result = run_json("bench", "--plaintext", target, ECHO, "-n", 300, "-c", 10,
                                "-H", "x-user: user-1")
        self.assertEqual((code, result["ok"]), (0, 300))
        self.assertEqual([one["calls"] for one in result["backends"] if one["calls"] > 0],
                         [300])
        text = run("call", "--plaintext", "--explain", "-H", "x-user: user-1", "-d", "x",
                   target, ECHO).stderr.decode()
        self.assertIn("ring_hash: the first entry on the ring at or after the hash "
                      "(hash a173746b114c6be8 of header x-user)\n", text)
        self.assertRegex(text, r"  > 127.0.0.1:\d+  READY  entry \d+  the hash falls to it\n")

    def test_a_call_without_the_header_goes_anywhere(self):
        self.start(3)
        code, result = run_json("bench", "--plaintext", self.target("ring_hash"), ECHO, "-n",
                                900, "-c", 9, "--warmup", "0.3s")
        self.assertEqual((code, result["ok"]), (0, 900))
        for one in result["backends"]:
            self.assertGreater(one["calls"], 150)

    def test_without_a_header_to_hash_calls_fail_and_say_so(self):
        self.start(1)
        done = run("call", "--plaintext", "--policy", "ring_hash_experimental", "-d", "x",
                   self.backends["b0"].target, ECHO)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"requestHashHeader is not set", done.stderr)


if __name__ == "__main__":
    main()
