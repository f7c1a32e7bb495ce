#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""file: targets with the tool: real files, real backends."""

import json
import os
import re
import signal
import time

from harness import ECHO, SOURCE, Backend, Case, main, run, run_json, start


class FileTarget(Case):
    def write(self, content, name="backends.json"):
        """Replace the file as config managers do; gives the target."""
        path = self.folder / name
        new = path.with_suffix(".new")
        new.write_text(content if isinstance(content, str) else json.dumps(content))
        os.rename(new, path)
        return f"file:{path}"

    def test_guide_shows_files_that_are_right(self):
        guide = (SOURCE / "docs/guide/discovery.md").read_text()
        blocks = re.findall(r"^```json\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
        self.assertEqual(len(blocks), 2)
        for block in blocks:
            code, result = run_json("resolve", self.write(block))
            self.assertEqual(code, 0, result)
            self.assertEqual(
                len(result["endpoints"]),
                len(json.loads(block)["endpoints"]) if block[0] == "{" else 2)

    def test_attributes_are_shown(self):
        target = self.write([
            "127.0.0.1:1",
            {"address": "127.0.0.1:2", "weight": 3, "zone": "a", "priority": 1,
             "hashKey": "k", "health": "DRAINING", "serverName": "db.test",
             "attributes": {"version": "v2", "odd": "\u001b[1m"}}])
        text = run("resolve", target).stdout.decode()
        self.assertIn("backends.json", text)  # the source
        self.assertRegex(text, r"(?m)^ +1  127\.0\.0\.1:1 +tcp  path priority-0$")
        self.assertRegex(text, r"(?m)^ +2  127\.0\.0\.1:2 +tcp  weight 3  zone a  "
                               r"path priority-1  hash key k  health DRAINING  "
                               r"odd=\?\[1m  version=v2  server name db\.test$")
        _, result = run_json("resolve", target)
        self.assertEqual([endpoint["attributes"] for endpoint in result["endpoints"]], [
            {"weight": 1, "path": ["priority-0"]},
            {"weight": 3, "zone": "a", "path": ["priority-1"], "hash_key": "k",
             "health": "DRAINING", "named": {"version": "v2", "odd": "\x1b[1m"}}])

    def test_calls_go_to_the_endpoints(self):
        with Backend(count=3) as backends:
            target = self.write({
                "endpoints": backends.addresses,
                "serviceConfig": {"loadBalancingConfig": [{"round_robin": {}}]}})
            done = run("call", "--plaintext", "-d", "x", "-n", 9, "-v", target, ECHO)
            self.assertEqual(done.returncode, 0, done.stderr)
            for address in backends.addresses:
                self.assertIn(address.encode(), done.stderr)

    def test_the_policy_that_is_told_is_the_files(self):
        with Backend(count=2) as backends:
            target = self.write({
                "endpoints": backends.addresses,
                "serviceConfig": {"loadBalancingConfig": [{"round_robin": {}}]}})
            done = run("call", "--plaintext", "-d", "x", "--explain", target, ECHO)
            self.assertRegex(done.stderr.decode(), r"(?m)^target .*, by round_robin$")
            for threads in ([], ["--threads", 2]):
                code, result = run_json("bench", "--plaintext", "-d", "x", "-n", 20,
                                        "--policy", "pick_first", *threads, target, ECHO)
                self.assertEqual((code, result["policy"]), (0, "round_robin"))

    def test_server_name_is_what_tls_expects(self):
        folder = self.certificates()
        tls = ["--tls-cert", folder / "server.pem", "--tls-key", folder / "server.key"]
        with Backend(*tls) as backend:
            for name, code in (("grebe.test", 0), ("other.test", 1)):
                target = self.write({"serverName": name, "endpoints": [backend.address]})
                done = run("call", "--cacert", folder / "ca.pem", "-d", "x", target, ECHO)
                self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(b"hostname mismatch", done.stderr)

    def test_relative_path_is_taken_from_where_the_tool_runs(self):
        self.write(["127.0.0.1:1"])
        watch = start("resolve", "file:backends.json", "-o", "json", cwd=self.folder)
        out, errors = watch.communicate(timeout=20)
        self.assertEqual((watch.returncode, errors), (0, b""))
        self.assertEqual(json.loads(out)["endpoints"][0]["addresses"][0]["address"],
                         "127.0.0.1:1")

    def test_what_is_wrong_is_said_in_one_line(self):
        target = self.write('[\n "127.0.0.1:1"\n "127.0.0.1:2"\n]')
        path = target.removeprefix("file:")
        for verb in (["resolve", target],
                     ["call", "--plaintext", "-d", "x", target, ECHO]):
            done = run(*verb)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"file: {path}: line 3 column 14: ']' expected",
                          done.stderr.decode())
        self.check_usage(run("resolve", "file:"), "missing path", "write file:/path")

    def test_changes_are_watched(self):
        target = self.write(["127.0.0.1:1"])
        watch = start("resolve", target, "--watch", "-o", "json")

        def addresses():
            return [endpoint["addresses"][0]["address"]
                    for endpoint in json.loads(watch.stdout.readline())["endpoints"]]

        self.assertEqual(addresses(), ["127.0.0.1:1"])
        self.write(["127.0.0.1:2", "127.0.0.1:3"])
        self.assertEqual(addresses(), ["127.0.0.1:2", "127.0.0.1:3"])
        self.write("{}")
        error = json.loads(watch.stdout.readline())["error"]
        self.assertIn("endpoints: the list is missing; the 2 endpoints known before are "
                      "kept", error["message"])
        self.write(["127.0.0.1:4"])
        self.assertEqual(addresses(), ["127.0.0.1:4"])
        watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=20)
        self.assertEqual(watch.returncode, 0)

    def test_load_follows_the_file(self):
        """The backends are exchanged under load, by a swapped link, and no call fails."""
        with Backend() as old, Backend() as new:
            for name, backend in (("1", old), ("2", new)):
                (self.folder / name).mkdir()
                self.write([backend.address], f"{name}/backends.json")
            os.symlink("1", self.folder / "data")
            os.symlink("data/backends.json", self.folder / "file")
            bench = start("bench", "--plaintext", f"file:{self.folder}/file", ECHO,
                          "-c", "4", "-z", "3s", "-o", "json")
            time.sleep(1)
            os.symlink("2", self.folder / "next")
            os.rename(self.folder / "next", self.folder / "data")
            result = json.loads(bench.communicate(timeout=60)[0])
            self.assertEqual(result["calls"], result["ok"])
            calls = {row["address"]: row["calls"] for row in result["backends"]}
            self.assertGreater(calls[old.address], 0)
            self.assertGreater(calls[new.address], 0)


main()
