#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What README.md shows is what happens."""

import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tool"))

from harness import Backend, Case, SOURCE, main, run  # noqa: E402

README = (SOURCE / "README.md").read_text()
LIBRARY = os.environ["GREBE_BINARY_DIR"]


class Readme(Case):
    def test_the_program_calls_all_three_backends(self):
        """As it stands, but for the ports, which are of the system's choice here."""
        program = re.search(r"## A program\n\n```c\n(.*?)```", README, re.S)[1]
        shown = re.search(r"\n\./hello\n```\n\n```\n(.*?)```", README, re.S)[1]
        with Backend(count=3) as backend:
            addresses = sorted(set(re.findall(r"127\.0\.0\.1:\d+", program)))
            for written, real in zip(addresses, backend.addresses, strict=True):
                program = program.replace(written, real)
                shown = shown.replace(written, real)
            hello = self.folder / "hello"
            flags = ["-fsanitize=" + kind for kind in [os.environ.get("GREBE_SANITIZE")] if kind]
            subprocess.run([os.environ.get("CC", "cc"), "-Wall", "-Wextra", "-Werror", *flags,
                            f"-I{SOURCE}/include", "-x", "c", "-", "-o", hello,
                            f"-L{LIBRARY}", "-lgrebe", f"-Wl,-rpath,{LIBRARY}"],
                           input=program.encode(), check=True)
            lines = subprocess.run([hello], check=True, capture_output=True, timeout=60,
                                   text=True).stdout.splitlines()
        self.assertEqual(len(lines), len(shown.splitlines()))
        self.assertEqual({line.rstrip() for line in lines}, set(shown.splitlines()))

    def test_the_call_that_fails_says_what_is_shown(self):
        shown = re.search(r"```\n\$ grebe (call .*)\n((?:.*\n)*?)```", README)
        done = run(*shown[1].split())
        self.assertEqual(done.returncode, 1)
        # Which of the two failed last is up to the system.
        first, *causes = done.stderr.decode().splitlines()
        self.assertEqual(re.sub(r"1:[12]", "1:N", first),
                         re.sub(r"1:[12]", "1:N", shown[2].splitlines()[0]))
        for cause, expected in zip(causes, shown[2].splitlines()[1:], strict=True):
            times = r"just now|\d+ms ago|in [\d.]+m?s"
            self.assertEqual(re.sub(times, "T", cause), re.sub(times, "T", expected))


main()
