#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""static_weighted_round_robin with the tool, real backends, and a file of endpoints."""

import json

from harness import ECHO, Backend, Case, main, run_json

WEIGHTS = (5, 3, 2)
N = 5000


class StaticWeightedRoundRobin(Case):
    def shares(self, mode):
        """By weight, of N calls."""
        path = self.folder / "backends.json"
        with Backend(count=3) as backend:
            weights = dict(zip(backend.addresses, WEIGHTS))
            endpoints = [{"addresses": [a], "weight": w} for a, w in weights.items()]
            config = {"loadBalancingConfig": [{"static_weighted_round_robin": mode}]}
            path.write_text(json.dumps({"endpoints": endpoints, "serviceConfig": config}))
            code, result = run_json("bench", "--plaintext", f"file:{path}", ECHO, "-n", N,
                                    "-c", 10, "--warmup", "0.5s")
            self.assertEqual((code, result["ok"]), (0, N))
            return {weights[one["address"]]: one["calls"] for one in result["backends"]}

    def check(self, mode):
        for weight, calls in self.shares(mode).items():
            # Where the warm-up ends, and the calls, is in the middle of a period.
            self.assertAlmostEqual(calls, N * weight / sum(WEIGHTS), delta=12)

    def test_weights_of_a_file_make_shares(self):
        self.check({})

    def test_weights_of_a_file_make_exact_shares(self):
        self.check({"mode": "smooth"})

    def test_weights_of_a_file_make_shares_by_deadlines(self):
        self.check({"mode": "edf"})


if __name__ == "__main__":
    main()
