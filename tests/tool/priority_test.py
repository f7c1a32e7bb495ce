#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""priority over real sockets: a file names two groups of backends, the first one goes and
comes back under load, and no call that waits for a backend is lost (gRFC A56)."""

import json
import os
import time

from harness import ECHO, Backend, Case, main, run, start

CHILD = {"config": [{"round_robin": {}}]}
CONFIG = {"loadBalancingConfig": [{"priority": {
    "priorities": ["priority-0", "priority-1"],
    "children": {"priority-0": CHILD, "priority-1": CHILD}}}]}


class Priority(Case):
    def write(self, endpoints):
        path = self.folder / "backends.json"
        path.with_suffix(".new").write_text(
            json.dumps({"endpoints": endpoints, "serviceConfig": CONFIG}))
        os.rename(path.with_suffix(".new"), path)
        return f"file:{path}"

    def test_calls_fail_over_and_back_and_none_is_lost(self):
        with Backend(count=2) as spare:
            primary = Backend()
            address = primary.address
            # What has no priority of its own is of the first.
            target = self.write([address, *({"address": a, "priority": 1}
                                            for a in spare.addresses)])
            load = start("bench", "--plaintext", "--wait-for-ready", target, ECHO,
                         "-r", "200", "-z", "9s", "-o", "json")
            time.sleep(2)
            self.assertEqual(primary.stop(), 0)  # drains: what it has begun it finishes
            time.sleep(2)
            with Backend(listen=address):
                result = json.loads(load.communicate(timeout=60)[0])
            self.assertEqual(load.returncode, 0)
            self.assertEqual(result["calls"], result["ok"])
            calls = {row["address"]: row["calls"] for row in result["backends"]}
            events = [(event["event"], event["address"]) for event in result["events"]]
            self.assertLess(events.index(("quiet", address)),
                            events.index(("back", address)))
            for other in spare.addresses:
                self.assertGreater(calls[other], 100)
                self.assertLess(events.index(("joined", other)),
                                events.index(("quiet", other)))

    def test_the_choice_is_explained(self):
        with Backend() as spare:
            target = self.write([{"address": "127.0.0.1:1", "priority": 0},
                                 {"address": spare.address, "priority": 1}])
            done = run("call", "--plaintext", "--wait-for-ready", "-d", "x", "--explain",
                       target, ECHO)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(b'priority: the first child that is usable ("priority-1" is number '
                          b'2 of 2; "priority-0" was passed over: TRANSIENT_FAILURE)',
                          done.stderr)


main()
