#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grebe lab --conformance: every rule catches the mistake it is about, and what is ours makes
none.  tests/conformance/mistaken.c is the policy with the mistakes."""

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tool"))

from harness import Case, IS_SANITIZED, main, run  # noqa: E402

PLUGINS = pathlib.Path(os.environ["GREBE_BINARY_DIR"], "tests")
MISTAKEN = PLUGINS / "conformance/mistaken.so"
BUILTINS = os.environ["GREBE_BUILTIN_BALANCERS"]
EXAMPLES = [os.environ["GREBE_LAB_POLICIES"], "--conformance", "-o", "json"]

# ThreadSanitizer is slow, and has something to say of threads alone.
IS_FOR_THREADS = "thread" in os.environ.get("GREBE_SANITIZE", "")
THREADS = ["picks_on_threads", "done_on_threads"]
ALL = [word for rule in THREADS for word in ("--rule", rule)] if IS_FOR_THREADS else []

# What the lab itself watches makes `grebe lab` fail when it is given the script.
SEEN_BY_THE_LAB = {
    "legal_states", "legal_results", "legal_series", "legal_answers", "references", "memory",
    "silent_after_destroy", "destroyed_anywhere", "freed_memory",
}
ENDS_THE_PROCESS = {"no_memory"}
if "address" in os.environ.get("GREBE_SANITIZE", ""):
    SEEN_BY_THE_LAB.remove("freed_memory")
    ENDS_THE_PROCESS |= {"freed_memory", "done_after_replacement", "done_after_destroy"}


def kit(policy, *words, plugin=None, config=None):
    load = [] if plugin is None else ["--load", plugin]
    more = [] if config is None else ["--config", json.dumps(config)]
    done = run("lab", "--conformance", *load, *more, *words, "-o", "json", policy, timeout=600)
    return done, json.loads(done.stdout) if done.stdout else None


def rules():
    done, report = kit("pick_first", *ALL)
    assert done.returncode == 0, done
    return [rule["id"] for rule in report["rules"]]


def verdicts(report, verdict):
    return [rule["id"] for rule in report["rules"] if rule["verdict"] == verdict]


class Conformance(Case):
    def test_policy_without_a_mistake_keeps_every_rule(self):
        done, report = kit("mistaken", *ALL, plugin=MISTAKEN, config={"mistake": "", "size": 1})
        self.assertEqual(verdicts(report, "broken"), [])
        self.assertEqual(verdicts(report, "not_applicable"), [])
        self.assertEqual((done.returncode, report["holds"]), (0, len(report["rules"])))

    def check_mistake(self, rule):
        config = {"mistake": rule, "size": 1}
        done, report = kit("mistaken", "--rule", rule, plugin=MISTAKEN, config=config)
        self.assertEqual(done.returncode, 1, done)
        [verdict] = report["rules"]
        self.assertEqual((verdict["id"], verdict["verdict"]), (rule, "broken"))
        self.assertTrue(verdict["expected"] and verdict["seen"], verdict)
        self.check_script(rule, verdict["script"])

    def check_script(self, rule, script):
        """The lines are right, and do again what they can without the kit around them."""
        lines = "\n".join(map(json.dumps, script)).encode()
        done = run("lab", "--load", MISTAKEN, stdin=lines)
        if rule in ENDS_THE_PROCESS:
            self.assertNotIn(done.returncode, (0, 2), rule)
        elif rule in SEEN_BY_THE_LAB:
            self.assertEqual(done.returncode, 1, (rule, done.stderr))
            self.assertIn(b'"ev":"violation"', done.stdout)
        else:
            self.assertIn(done.returncode, (0, 1), (rule, done.stderr))

    def test_table_says_what_is_broken(self):
        done = run("lab", "--conformance", "--load", MISTAKEN, "--config",
                   '{"mistake": "duplicates"}', "--rule", "duplicates", "--rule", "ready",
                   "mistaken")
        self.assertEqual((done.returncode, done.stderr), (1, b""))
        text = done.stdout.decode()
        self.assertRegex(text, r"(?m)^duplicates +BROKEN +an endpoint that is listed twice")
        self.assertRegex(text, r"(?m)^    expected  one subconn for each endpoint$")
        self.assertRegex(text, r"(?m)^    seen      several for 10\.0\.0\.1:80")
        self.assertRegex(text, r'(?m)^      \{"do": "update", ')
        self.assertRegex(text, r"(?m)^ready +holds ")
        self.assertIn("\n1 rules hold, 1 broken, 0 not applicable\n", text)

    def test_template_keeps_every_rule(self):
        done, report = kit("sticky", *ALL, plugin=PLUGINS / "plugin/sticky.so",
                           config={"header": "kit"})
        self.assertEqual((done.returncode, verdicts(report, "broken")), (0, []))

    def test_examples_keep_every_rule(self):
        for name in ("custom_balancer", "least_request_picker", "load_aware_picker",
                     "reported_load_picker", "round_robin_picker", "weighted_round_robin_picker"):
            done = subprocess.run([*EXAMPLES, *ALL, name], capture_output=True, timeout=300)
            # What it has measured it keeps for the whole process, and for the next channel.
            allowed = ["deterministic"] if name == "load_aware_picker" and not ALL else []
            self.assertEqual(verdicts(json.loads(done.stdout), "broken"), allowed, name)

    def test_every_builtin_keeps_every_rule(self):
        names = subprocess.run([BUILTINS], capture_output=True, check=True).stdout.split()
        self.assertIn(b"round_robin", names)
        for name in map(bytes.decode, names):
            done, report = kit(name, *ALL)
            self.assertIsNotNone(report, f"{name}: it needs a line in src/lab/kit_examples.c: "
                                         f"{done.stderr}")
            broken = [rule for rule in report["rules"] if rule["verdict"] == "broken"]
            self.assertEqual(broken, [], name)
            self.assertEqual(done.returncode, 0)

    def test_wrong_words_are_usage(self):
        self.check_usage(run("lab", "--conformance"), "--conformance: which policy?")
        self.check_usage(run("lab", "--conformance", "nobody"), "there is no policy called")
        self.check_usage(run("lab", "--conformance", "pick_first", "--rule", "gravity"),
                         "there is no rule called gravity")
        self.check_usage(run("lab", "--conformance", "pick_first", "--config", "{"),
                         "the configuration {: ")
        self.check_usage(run("lab", "--conformance", "pick_first", "--config",
                             '{"shuffleAddressList": 1}'), "shuffleAddressList: ")
        self.check_usage(run("lab", "--config", "{}", "x.jsonl"), "goes with --conformance")
        self.check_usage(run("lab", "--rule", "ready", "x.jsonl"), "goes with --conformance")


def add_mistakes():
    for rule in rules():
        if IS_SANITIZED and rule == "configs_are_freed":
            continue  # the sanitizer's heap does not say how much is in use
        setattr(Conformance, f"test_mistake_{rule}", lambda self, rule=rule: self.check_mistake(rule))


add_mistakes()
main()
