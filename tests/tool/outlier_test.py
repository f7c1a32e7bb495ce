#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""outlier_detection on real sockets: of three backends the one that fails is ejected within
two intervals, and from then on no call fails."""

import json

from harness import Backend, Case, ECHO, main, run_json

INTERVAL_S = 0.5
CONFIG = {
    "loadBalancingConfig": [{
        "outlier_detection": {
            "interval": f"{INTERVAL_S}s",
            "baseEjectionTime": "60s",
            "successRateEjection": {
                "stdevFactor": 1000, "minimumHosts": 3, "requestVolume": 5,
            },
            "childPolicy": [{"round_robin": {}}],
        },
    }],
}


class Outlier(Case):
    def bench(self, target, *words, rules=True):
        config = json.loads(json.dumps(CONFIG))
        if not rules:
            del config["loadBalancingConfig"][0]["outlier_detection"]["successRateEjection"]
        code, result = run_json("bench", "--plaintext", target, ECHO, "-r", 200, *words,
                                "--service-config", json.dumps(config))
        self.assertEqual(code, 0)
        self.assertEqual(result["policy"], "outlier_detection")
        return result, {each["address"]: each for each in result["backends"]}

    # O-40
    def test_a_backend_that_fails_is_out_after_two_intervals(self):
        with Backend(count=2) as good, Backend("--fail-rate", 1) as bad:
            target = f"{good.target},{bad.address}"
            warmup = f"{2 * INTERVAL_S}s"
            result, backends = self.bench(target, "--warmup", warmup, "-z", "2s")
            self.assertEqual(result["codes"], {"OK": result["calls"]})
            self.assertGreater(result["calls"], 300)
            self.assertEqual(backends[bad.address]["calls"], 0)
            for address in good.addresses:
                self.assertAlmostEqual(backends[address]["share"], 0.5, delta=0.01)

    # O-9, O-40: it is the rules that do it.
    def test_without_rules_it_goes_on_failing(self):
        with Backend(count=2) as good, Backend("--fail-rate", 1) as bad:
            target = f"{good.target},{bad.address}"
            result, backends = self.bench(target, "--warmup", "1s", "-z", "1s", rules=False)
            self.assertAlmostEqual(result["codes"]["UNAVAILABLE"] / result["calls"], 1 / 3,
                                   delta=0.02)
            self.assertAlmostEqual(backends[bad.address]["share"], 1 / 3, delta=0.02)


if __name__ == "__main__":
    main()
