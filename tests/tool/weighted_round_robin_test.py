#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""weighted_round_robin with the tool and real backends that say how loaded they are."""

import json

from harness import ECHO, Backend, Case, main, run, run_json

# Half busy, each of them, at so many requests a second: weights 200, 400, 600.
RATES = (100, 200, 300)
N = 6000


def config_of(**fields):
    return json.dumps({"loadBalancingConfig": [{"weighted_round_robin": {
        "blackoutPeriod": "0s", "weightUpdatePeriod": "0.1s", **fields}}]})


class WeightedRoundRobin(Case):
    def setUp(self):
        super().setUp()
        self.ideal = {}
        for rate in RATES:
            backend = Backend("--orca", f"app=0.5,qps={rate}", "--orca-interval", "100ms")
            self.addCleanup(backend.stop)
            self.ideal[backend.address] = N * rate // sum(RATES)
        self.target = "ipv4:" + ",".join(self.ideal)

    def shares(self, config):
        code, result = run_json("bench", "--plaintext", self.target, ECHO, "-n", N, "-c", 10,
                                "--warmup", "1s", "--service-config", config)
        self.assertEqual((code, result["ok"]), (0, N))
        return {one["address"]: one["calls"] for one in result["backends"]}

    def check(self, config):
        found = self.shares(config)
        for address, ideal in self.ideal.items():
            self.assertAlmostEqual(found[address], ideal, delta=0.03 * ideal, msg=str(found))

    def test_reports_of_calls_make_shares(self):
        """W-6: within 3 % of what the reports say (gRFC A58, A51)."""
        self.check(config_of())

    def test_reports_out_of_band_make_shares(self):
        """W-7: the same out of band."""
        self.check(config_of(enableOobLoadReport=True, oobReportingPeriod="0.1s"))

    def test_without_weights_shares_are_equal(self):
        """W-16: in its blackout, which is ten seconds by default."""
        found = self.shares(config_of(blackoutPeriod="10s"))
        for n in found.values():
            self.assertAlmostEqual(n, N / 3, delta=10)

    def test_a_call_tells_of_weights(self):
        done = run("call", "--plaintext", "--explain", "-d", "x", "-n", 3, self.target, ECHO,
                   "--service-config", config_of())
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"weighted_round_robin: in turn, as often as its load reports say",
                      done.stderr + done.stdout)


if __name__ == "__main__":
    main()
