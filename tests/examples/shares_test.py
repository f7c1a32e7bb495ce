#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The example balancers as programs, over real backends: who got how many calls."""

import os
import pathlib
import subprocess

from harness import Backend, Case, main

PROGRAMS = pathlib.Path(os.environ["GREBE_BINARY_DIR"]) / "bin"
SOURCES = pathlib.Path(__file__).parents[2] / "examples" / "balancers"


def shares(program, *words):
    """What a program printed: {address: calls}."""
    done = subprocess.run(
        [PROGRAMS / f"example_{program}", *map(str, words)], capture_output=True, timeout=60
    )
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode())
    return {line.split()[0]: int(line.split()[1]) for line in done.stdout.decode().splitlines()}


class Shares(Case):
    def test_round_robin_picker_is_exact(self):
        with Backend(count=4) as backend:
            found = shares("round_robin_picker", backend.target, 1000)
            self.assertEqual(found, {address: 250 for address in backend.addresses})

    def test_weighted_round_robin_picker_is_exact(self):
        with Backend(count=3) as backend:
            weights = dict(zip(backend.addresses, (5, 3, 2)))
            words = [f"{address}={weight}" for address, weight in weights.items()]
            found = shares("weighted_round_robin_picker", 1000, *words)
            self.assertEqual(found, {a: weight * 100 for a, weight in weights.items()})

    def test_least_request_picker_uses_all_when_none_is_busy(self):
        with Backend(count=3) as backend:
            found = shares("least_request_picker", backend.target, 900)
            self.assertEqual(set(found), set(backend.addresses))
            # 900 fair throws, sigma 14.1: six of them either way
            for n in found.values():
                self.assertTrue(300 - 85 <= n <= 300 + 85, found)

    def test_load_aware_picker_prefers_the_fast_one(self):
        with Backend() as fast, Backend("--delay", "20ms") as slow:
            target = f"ipv4:{fast.address},{slow.address}"
            found = shares("load_aware_picker", target, 500)
            self.assertGreater(found[fast.address], 450)

    def test_reported_load_picker_believes_what_is_said(self):
        with Backend("--orca", "cpu=0.1") as idle, Backend("--orca", "app=0.9") as busy:
            target = f"ipv4:{busy.address},{idle.address}"
            found = shares("reported_load_picker", target, 500)
            self.assertEqual(found, {idle.address: 500})

    def test_custom_balancer_stays_with_the_first_that_answers(self):
        with Backend(count=2) as backend:
            # Nobody listens on port 1.
            target = backend.target.replace("ipv4:", "ipv4:127.0.0.1:1,")
            found = shares("custom_balancer", target, 100)
            self.assertEqual(found, {backend.addresses[0]: 100})

    def test_logging_parent_runs_the_child_it_was_told(self):
        with Backend(count=2) as backend:
            found = shares("logging_parent", backend.target, 1000, "round_robin")
            self.assertEqual(found, {address: 500 for address in backend.addresses})
            found = shares("logging_parent", backend.target, 100, "pick_first")
            self.assertEqual(found, {backend.addresses[0]: 100})

    def test_a_policy_fits_on_a_few_screens(self):
        for program, limit in (
            ("custom_balancer", 150),
            ("least_request_picker", 150),
            ("load_aware_picker", 150),
            ("round_robin_picker", 150),
            ("weighted_round_robin_picker", 150),
            ("logging_parent", 200),
            ("reported_load_picker", 200),
        ):
            n = len((SOURCES / f"{program}.c").read_text().splitlines())
            self.assertLess(n, limit, program)

    def test_wrong_words_are_explained(self):
        for program in ("custom_balancer", "weighted_round_robin_picker"):
            done = subprocess.run([PROGRAMS / f"example_{program}"], capture_output=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn(b"usage: ", done.stderr)


if __name__ == "__main__":
    main()
