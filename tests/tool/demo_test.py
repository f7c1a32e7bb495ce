#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grebe demo: five backends, an accident, and nothing that a caller would notice."""

import json
import re
import signal
import time

from harness import Case, main, run, run_json, start


class Demo(Case):
    def test_no_caller_sees_an_error(self):
        code, result = run_json("demo", "--seconds", 6)
        self.assertEqual(code, 0)
        names = [policy["policy"] for policy in result["policies"]]
        self.assertEqual(names[:2], ["pick_first", "round_robin"])
        for policy in result["policies"]:
            self.assertEqual(policy["errors"], 0)
            self.assertEqual(policy["calls"], policy["ok"] + policy["lost_with_killed"])

    def test_policies_differ_as_they_should(self):
        _, result = run_json("demo", "--seconds", 6, "--policy", "pick_first", "--policy",
                             "round_robin")
        roles = {one["name"]: one["role"] for one in result["backends"]}
        self.assertEqual(sorted(roles.values()),
                         ["killed", "slow", "steady", "steady", "steady"])
        first, robin = result["policies"]
        used = [one["name"] for one in first["backends"] if one["calls"] > 0]
        self.assertEqual(len(used), 2)  # one, and after the kill the next
        self.assertEqual(roles[used[0]], "killed")
        for one in robin["backends"]:
            low, high = (0.05, 0.2) if roles[one["name"]] == "killed" else (0.2, 0.25)
            self.assertTrue(low <= one["share"] <= high, one)
        for quantile in ("p90", "p99"):  # the slow one has more than a tenth of the calls
            self.assertLess(first["latency_us"][quantile], robin["latency_us"][quantile])

    def test_table_fits_eighty_columns(self):
        done = run("demo", "--seconds", 2, env={"LC_ALL": "C"})
        text = done.stdout.decode("ascii")
        self.assertEqual(done.returncode, 0, text)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        for policy in ("pick_first", "round_robin"):
            self.assertRegex(text, rf"(?m)^{policy} +p50 \S+ +p90 \S+ +p99 \S+ +errors 0 ")
        self.assertEqual(len(re.findall(r"(?m)^  b\d ", text)) % 5, 0)
        self.assertIn("No caller saw an error", text)

    def test_bars_are_blocks_where_the_locale_has_them(self):
        done = run("demo", "--seconds", 2, "--policy", "round_robin",
                   env={"LC_ALL": "C.UTF-8"})
        text = done.stdout.decode()
        self.assertIn("█", text)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)

    def test_wrong_words_are_one_line(self):
        self.check_usage(run("demo", "--seconds", "1"), "--seconds")
        self.check_usage(run("demo", "--policy", "nonsense"), "there is no 'nonsense'")
        self.check_usage(run("demo", *["--policy", "round_robin"] * 9),
                         "--policy: at most 8 of them")
        self.check_usage(run("demo", "-r", "1"), "-r")

    def test_sigint_shows_what_there_is(self):
        demo = start("demo", "--seconds", "60", "-o", "json")
        time.sleep(1)
        demo.send_signal(signal.SIGINT)
        out, errors = demo.communicate(timeout=10)
        self.assertEqual((demo.returncode, errors), (0, b""))
        result = json.loads(out)
        self.assertEqual(len(result["policies"]), 1)
        self.assertGreater(result["policies"][0]["calls"], 100)


main()
