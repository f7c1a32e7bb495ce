#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the guide shows of `grebe lab` is what it prints.

A page gives a command, and below it lines of its output, each perhaps shortened:

    $ grebe lab tests/lab/NAME.jsonl | grep '"pick"'
    {"t":0,"ev":"pick",...,"counts":{"10.0.0.1:80":2,           a remark
      "10.0.0.2:80":1},...}                                     and another

Three dots are anything, a line that is indented continues the one above, and remarks stand
behind two spaces.  What golden_test.py keeps beside the script is the output.  A drawing, or a
table, made of it is nobody's to compare but a reader's.
"""

import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tool"))

from harness import Case, SOURCE, main  # noqa: E402

PAGES = sorted((SOURCE / "docs/guide").rglob("*.md"))
COMMAND = re.compile(r"\$ grebe lab (tests/lab/\S+\.jsonl)(?: \| (.*))?")
MADE_BY_JQ = {
    ".counts": lambda event: event["counts"],
    ".sequence": lambda event: event["sequence"],
    "[.t, .counts]": lambda event: [event["t"], event["counts"]],
}


def select(lines, command):
    """As the pipe of the command does: grep, or jq with what pages use of it."""
    if command is None:
        return lines
    grep = re.fullmatch(r"grep (?:-E )?'([^']*)'", command)
    if grep:
        return [line for line in lines if re.search(grep[1], line)]
    jq = re.fullmatch(r"jq -c(S?) 'select\(\.ev == \"pick\"\) \| ([^']*)'", command)
    picks = [event for event in map(json.loads, lines) if event["ev"] == "pick"]
    return [json.dumps(MADE_BY_JQ[jq[2]](pick), separators=(",", ":"), sort_keys=bool(jq[1]))
            for pick in picks]


def shown(lines):
    """The lines of output among those below a command, whole and without remarks."""
    result = []
    for line in lines:
        text = re.split(r"\s{2,}", line.strip())[0]
        if line.startswith("  ") and result and text.startswith('"'):
            result[-1] += text
        elif text.startswith(("{", "[")):
            result.append(text)
    return result


def blocks(page):
    """Each command with the lines below it."""
    for code in re.split(r"^```.*\n", page.read_text(), flags=re.M)[1::2]:
        for part in re.split(r"^(?=\$ )", code, flags=re.M):
            first, _, rest = part.partition("\n")
            command = COMMAND.fullmatch(first)
            if command:
                yield command[1], command[2], rest.splitlines()


class Guide(Case):
    def check(self, page):
        for script, pipe, lines in blocks(page):
            output = (SOURCE / script).with_suffix(".out").read_text().splitlines()
            printed = iter(select(output, pipe))
            for text in shown(lines):
                wanted = ".*".join(map(re.escape, text.split("...")))
                self.assertTrue(any(re.fullmatch(wanted, line) for line in printed),
                                f"{page.name}: {script} does not print, or not there: {text}")

    def test_pages_show_output(self):
        """There is something to compare."""
        n = sum(len(shown(lines)) for page in PAGES for _, _, lines in blocks(page))
        self.assertGreater(n, 60)


def add_tests():
    for page in PAGES:
        if any(blocks(page)):
            def test(self, page=page):
                self.check(page)
            setattr(Guide, f"test_{page.stem}", test)


add_tests()
main()
