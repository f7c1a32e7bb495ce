#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grebe-torture itself: seeds are repeatable, mistakes are found, named, and made small."""

import os
import re
import signal
import subprocess
import time
import unittest

from harness import Case, main

TORTURE = os.environ["GREBE_TORTURE"]


def run(*words, timeout=250):
    return subprocess.run(
        [TORTURE, *map(str, words)], capture_output=True, text=True, timeout=timeout
    )


def plan(seed, *words):
    return run("--seed", seed, "--plan", *words).stdout


def events(text):
    return re.findall(r"^ +(\d+) +\d+ ms", text, re.M)


def last_line(done):
    return done.stdout.splitlines()[-1]


class Torture(Case):
    def test_the_same_seed_gives_the_same_trace_in_another_process(self):
        for seed in range(1, 20):
            traces = {run("--seed", seed, "--verbose").stdout for _ in range(2)}
            self.assertEqual(len(traces), 1)
            self.assertIn("the end", traces.pop())

    def test_a_plan_is_printed_and_not_played(self):
        done = run("--seed", 7, "--plan")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^seed 7: \d+ servers?, \d+ clients?, \d+ events")
        self.assertNotIn("passed", done.stdout)

    def test_part_of_a_plan_may_be_played(self):
        seed = next(seed for seed in range(1, 100) if len(events(plan(seed))) > 5)
        whole, part = plan(seed), plan(seed, "--keep", "2,4-5")
        self.assertEqual(events(part), ["2", "4", "5"])
        self.assertTrue(set(part.splitlines()) < set(whole.splitlines()))
        self.assertEqual(run("--seed", seed, "--keep", "none").returncode, 0)

    def test_jobs_play_all_seeds_once(self):
        done = run("--seeds", "11-50", "--jobs", 3)
        self.assertEqual((last_line(done), done.returncode), ("40 passed, 0 failed", 0))

    def test_time_may_be_limited(self):
        start = time.monotonic()
        done = run("--seeds", "1-1000000000", "--seconds", 2)
        self.assertRegex(last_line(done), r"^[1-9]\d* passed, 0 failed$")
        self.assertLess(time.monotonic() - start, 60)

    def test_interrupted_it_tells_how_far_it_came(self):
        process = subprocess.Popen(
            [TORTURE, "--seeds", "1-1000000000", "--jobs", "2"], stdout=subprocess.PIPE, text=True
        )
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=60)[0]
        self.assertRegex(output, r"^[1-9]\d* passed, 0 failed$")

    def test_nonsense_is_refused(self):
        for words in (["--seeds", "x"], ["--seed"], ["--keep", "1,x", "--seed", "1"], ["what"]):
            self.assertEqual(run(*words).returncode, 2)


class Mischief(Case):
    """What the simulator does wrong on purpose has to be found like anything else."""

    def find(self, kind, rule, *words):
        done = run("--mischief", kind, "--seeds", "1-50", *words)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last_line(done), r"^\d+ passed, 1 failed$")
        self.assertRegex(done.stdout, rf"(?m)^seed \d+: {rule}")
        return done.stdout

    def test_a_broken_rule_is_named_and_its_plan_made_small(self):
        output = self.find("twice", "every pick is done once: ")
        kept, events = map(int, re.search(r"(\d+) of its (\d+) events do it", output).groups())
        self.assertLessEqual(kept, 2)
        self.assertGreater(events, kept)
        command = re.search(r"grebe-torture (--seed \d+ --verbose --keep \S+)$", output, re.M)
        again = run("--mischief", "twice", *command[1].split())
        self.assertEqual(again.returncode, 1)
        self.assertIn(": every pick is done once: ", again.stdout)

    def test_a_crash_is_told_with_what_the_process_had_to_say(self):
        output = self.find("crash", "crash: ")
        self.assertIn("contract broken: pick == NULL", output)
        self.assertIn("events do it", output)

    def test_what_does_not_end_is_ended(self):
        self.find("hang", "a run ends", "--no-shrink")

    def test_forgotten_memory_is_missed(self):
        self.assertRegex(self.find("leak", "all memory comes back: "), r"\d+ blocks are left")

    def test_failures_stop_the_run_when_there_are_enough(self):
        done = run("--mischief", "twice", "--seeds", "1-50", "--max-failures", 3, "--no-shrink")
        self.assertRegex(last_line(done), r"^\d+ passed, 3 failed$")


if __name__ == "__main__":
    main()
