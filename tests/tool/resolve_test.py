#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grebe resolve: endpoints, once or as they change."""

import json
import signal
import time

from harness import Case, main, run, run_json, start


class Resolve(Case):
    def test_table_lists_the_endpoints(self):
        done = run("resolve", "ipv4:127.0.0.1:80,127.0.0.2:81")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        text = done.stdout.decode()
        self.assertIn("2 endpoints, resolver ipv4", text)
        self.assertRegex(text, r"(?m)^ +1  127\.0\.0\.1:80 +tcp$")
        self.assertRegex(text, r"(?m)^ +2  127\.0\.0\.2:81 +tcp$")

    def test_json_has_the_same(self):
        code, result = run_json("resolve", "ipv4:127.0.0.1:80,127.0.0.2:81")
        self.assertEqual(code, 0)
        self.assertEqual((result["version"], result["scheme"]), (1, "ipv4"))
        self.assertEqual(
            [[address["address"] for address in endpoint["addresses"]]
             for endpoint in result["endpoints"]],
            [["127.0.0.1:80"], ["127.0.0.2:81"]])
        for field in ("service_config", "service_config_error", "ttl_s", "next_refresh_s",
                      "error"):
            self.assertIsNone(result[field])

    def test_unix_sockets_have_their_network(self):
        _, result = run_json("resolve", "unix:/tmp/x")
        self.assertEqual(result["endpoints"][0]["addresses"][0]["network"], "unix")

    def test_names_are_looked_up(self):
        code, result = run_json("resolve", "dns:///localhost:80")
        self.assertEqual((code, result["scheme"]), (0, "dns"))
        addresses = [address["address"] for endpoint in result["endpoints"]
                     for address in endpoint["addresses"]]
        self.assertIn("127.0.0.1:80", addresses)

    def test_errors_have_the_members_of_updates(self):
        _, update = run_json("resolve", "ipv4:127.0.0.1:80")
        code, error = run_json("resolve", f"file:{self.folder}/absent")
        self.assertEqual(code, 1)
        self.assertEqual(sorted(error), sorted(update))
        self.assertEqual(error["error"]["code"], "UNAVAILABLE")
        self.assertIn("no such file", error["error"]["message"])

    def test_targets_that_cannot_be_are_usage(self):
        self.check_usage(run("resolve", "ipv4:nonsense"), "nonsense")
        self.check_usage(run("resolve"), "TARGET is missing")

    def test_watch_goes_on_until_sigint(self):
        watch = start("resolve", "ipv4:127.0.0.1:80", "--watch", "-o", "json")
        line = watch.stdout.readline()
        self.assertEqual(len(json.loads(line)["endpoints"]), 1)
        time.sleep(0.2)
        self.assertIsNone(watch.poll())
        watch.send_signal(signal.SIGINT)
        self.assertEqual(watch.communicate(timeout=10), (b"", b""))
        self.assertEqual(watch.returncode, 0)


main()
