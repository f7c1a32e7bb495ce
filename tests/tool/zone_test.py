#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""zone_aware over real sockets: the zones are those of a file."""

import json

from harness import ECHO, Backend, Case, main, run_json


class Zones(Case):
    def write(self, zones, addresses, clients):
        path = self.folder / "backends.json"
        path.write_text(json.dumps({
            "endpoints": [{"address": address, "zone": zone}
                          for address, zone in zip(addresses, zones)],
            "serviceConfig": {"loadBalancingConfig": [{"zone_aware": {
                "localZone": "a", "localCounts": clients, "minClusterSize": 4,
                "childPolicy": [{"round_robin": {}}]}}]}}))
        return f"file:{path}"

    def shares(self, target, addresses):
        """The calls of each backend, of 2,000 after all are connected."""
        code, result = run_json("bench", "--plaintext", target, ECHO, "-n", "2000",
                                "--warmup", "500ms")
        self.assertEqual((code, result["calls"]), (0, result["ok"]))
        calls = {row["address"]: row["calls"] for row in result["backends"]}
        return [calls.get(address, 0) / result["calls"] for address in addresses]

    def test_calls_stay_as_far_as_the_zone_can_bear_them(self):
        with Backend(count=4) as backends:
            target = self.write("aabb", backends.addresses, {"a": 1, "b": 1})
            self.assertEqual(self.shares(target, backends.addresses)[2:], [0, 0])
            # 75 % of the clients, a quarter of the backends: a third stays.
            target = self.write("abbb", backends.addresses, {"a": 3, "b": 1})
            own, *others = self.shares(target, backends.addresses)
            self.assertAlmostEqual(own, 1 / 3, delta=0.053)  # 5 sigma
            for share in others:
                self.assertAlmostEqual(share, 2 / 9, delta=0.047)


main()
