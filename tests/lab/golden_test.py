#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""golden_test.py [--update] [NAME...] -- scripts of the lab print what stands beside them.

NAME.jsonl is a script; NAME.out is what it prints, byte for byte, and NAME.err what it says
on stderr, if anything.  The exit code follows: 2 if there is an .err, 1 if a violation was
printed, else 0.

--update writes the .out and .err anew, for a human to read the difference: a golden file is
right because somebody has compared it with the specification, not because it was printed.
Without ctest it takes the tool of `./dev build` and the policies of `./dev test`.
"""

import difflib
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tool"))

from harness import Case, SOURCE, TOOL, main  # noqa: E402

POLICIES = os.environ.get("GREBE_LAB_POLICIES", SOURCE / "build/dev/tests/bin/lab_policies")
SCRIPTS = sorted(HERE.glob("*.jsonl")) + sorted(HERE.glob("policies/*.jsonl"))

# What an event may have, besides "t" and "ev"; what stands before the bar it must have.
FIELDS = {
    "update": "result | error",
    "new_subconn": "id addresses |",
    "connect": "id address |",
    "shutdown": "id address |",
    "update_addresses": "id addresses |",
    "producer": "id kind on | interval_ms",
    "state": "state | picks",
    "resolve_now": "|",
    "pick": "id | kind address status n kinds counts sequence",
    "metric": "name value labels |",
    "log": "level message |",
    "close": "|",
    "violation": "rule message | id address",
}


def run(path, through_stdin=False):
    words = [POLICIES] if path.parent.name == "policies" else [TOOL, "lab"]
    if through_stdin:
        return subprocess.run(words, stdin=path.open("rb"), capture_output=True, timeout=60)
    done = subprocess.run([*words, path], capture_output=True, timeout=60)
    done.stderr = done.stderr.replace(f"{path}: ".encode(), b"")
    return done


def read(path):
    return path.read_bytes() if path.exists() else b""


def update(path):
    done = run(path)
    path.with_suffix(".out").write_bytes(done.stdout)
    if done.stderr:
        path.with_suffix(".err").write_bytes(done.stderr)
    else:
        path.with_suffix(".err").unlink(missing_ok=True)


class Golden(Case):
    def compare(self, name, found, wanted):
        if found != wanted:
            self.fail("\n" + "".join(difflib.unified_diff(
                wanted.decode().splitlines(True), found.decode().splitlines(True),
                f"{name} (wanted)", f"{name} (found)")))

    def check_event(self, line):
        event = json.loads(line)
        self.assertEqual(list(event)[:2], ["t", "ev"], line)
        must, may = (part.split() for part in FIELDS[event["ev"]].split("|"))
        fields = list(event)[2:]
        self.assertEqual(fields[:len(must)], must, line)
        self.assertLessEqual(set(fields), {*must, *may}, line)

    def check(self, path):
        self.assertTrue(path.with_suffix(".out").exists(), "golden_test.py --update makes it")
        out, err = read(path.with_suffix(".out")), read(path.with_suffix(".err"))
        for done in (run(path), run(path, through_stdin=True)):
            self.compare("stdout", done.stdout, out)
            self.compare("stderr", done.stderr, err)
            code = 2 if err else 1 if b'"ev":"violation"' in out else 0
            self.assertEqual(done.returncode, code)
        for line in out.decode().splitlines():
            self.check_event(line)

    def test_every_script_says_what_it_shows(self):
        for path in SCRIPTS:
            self.assertTrue(path.read_text().startswith("# "), path)

    def test_nothing_stands_beside_no_script(self):
        for path in [*HERE.rglob("*.out"), *HERE.rglob("*.err")]:
            self.assertIn(path.with_suffix(".jsonl"), SCRIPTS)


def add_tests():
    for path in SCRIPTS:
        def test(self, path=path):
            self.check(path)
        setattr(Golden, f"test_{path.stem}", test)


if "--update" in sys.argv[1:]:
    names = [word for word in sys.argv[1:] if word != "--update"]
    for script in SCRIPTS:
        if not names or script.stem in names:
            update(script)
else:
    add_tests()
    main()
