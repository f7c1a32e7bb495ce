#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report.py JUNIT [LOG] -- what a run of ctest found, the sum in the last line.

A program that speaks TAP counts case by case, any other counts as one.  Failures are
shown with their output, skips with their reason.  The exit code is 0 if something ran and
nothing failed.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

CASE = re.compile(r"^(not )?ok \d+( - )?(?P<name>.*)$", re.MULTILINE)
SKIP = re.compile(r"\s*# SKIP\s*", re.IGNORECASE)
MAX_LINES = 60  # of one program's output; the log has the rest


class Program:
    """One CTest test: its counts, and what people should read of it."""

    def __init__(self, case):
        self.name = case.get("name")
        self.output = case.findtext("system-out") or ""
        self.passed, self.failed, self.skips = 0, 0, []
        skipped = case.find("skipped")
        if skipped is not None and "SKIP_RETURN_CODE" in (skipped.get("message") or ""):
            self.skips.append((self.name, self.last_line()))
            return
        self.count_cases()
        if case.get("status") != "run":
            self.failed = max(self.failed, 1)
        elif self.passed + self.failed + len(self.skips) == 0:
            self.passed = 1

    def last_line(self):
        lines = self.output.strip().splitlines() or ["no reason given"]
        return lines[-1].removeprefix("skipped:").strip()

    def count_cases(self):
        for case in CASE.finditer(self.output):
            name, *reason = SKIP.split(case["name"], maxsplit=1)
            if reason:  # cmocka puts the name behind the word, the standard the reason
                self.skips.append((self.name, ": ".join(filter(None, [name, *reason]))))
            elif case[1]:
                self.failed += 1
            else:
                self.passed += 1


def how_it_ended(name, log):
    """Timeout, SEGFAULT and so on: ctest says so on the terminal, and not in JUNIT."""
    found = re.search(rf" {re.escape(name)} \.+\**(.*?) +[\d.]+ sec", log)
    return found[1].strip() if found else "failed"


def main():
    log = pathlib.Path(sys.argv[2]).read_text() if len(sys.argv) > 2 else ""
    programs = [Program(case) for case in ElementTree.parse(sys.argv[1]).iter("testcase")]
    for program in programs:
        if program.failed:
            lines = program.output.strip().splitlines()
            print(f"---- {program.name}: {how_it_ended(program.name, log)}")
            print("\n".join(lines[-MAX_LINES:]))
    for name, reason in (skip for program in programs for skip in program.skips):
        print(f"skipped: {name}: {reason}")
    passed, failed, skipped = (
        sum(program.passed for program in programs),
        sum(program.failed for program in programs),
        sum(len(program.skips) for program in programs),
    )
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if passed + skipped and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
