#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grebe resolve: endpoints, once or as they change."""

import json
import os
import pathlib
import signal
import time

from harness import Backend, Case, ECHO, main, run, run_json, start

DISCOVERY = pathlib.Path(os.environ["GREBE_BINARY_DIR"], "tests/plugin/discovery.so")


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

    def test_a_resolver_from_a_shared_object_tells_what_its_thread_finds(self):
        file = self.folder / "shop"
        words = ["--load", DISCOVERY, f"list://{file}"]
        done = run("resolve", *words)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"list: {file}: No such file or directory", done.stderr.decode())
        file.write_text("10.0.0.1:80 3 v2\n\n10.0.0.2:80\n")
        watch = start("resolve", *words, "--watch", "-o", "json")
        first = json.loads(watch.stdout.readline())
        self.assertEqual((first["scheme"], first["source"]), ("list", str(file)))
        self.assertEqual([one["addresses"][0]["address"] for one in first["endpoints"]],
                         ["10.0.0.1:80", "10.0.0.2:80"])
        facts = [json.dumps(one["attributes"]) for one in first["endpoints"]]
        self.assertIn("3", facts[0])
        self.assertIn("v2", facts[0])
        self.assertIn("unknown", facts[1])
        file.write_text("10.0.0.3:80\n")
        change = json.loads(watch.stdout.readline())
        self.assertEqual((change["added"], change["removed"]), (1, 2))
        file.unlink()  # is told once, and costs nothing
        self.assertIn("No such file", json.loads(watch.stdout.readline())["error"]["message"])
        watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=10)
        with Backend(count=2) as backend:
            file.write_text("\n".join(backend.addresses) + "\n")
            done = run("call", "--plaintext", *words, ECHO, "-d", "x", "-n", 3)
            self.assertEqual((done.returncode, done.stdout), (0, b"xxx"))

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
