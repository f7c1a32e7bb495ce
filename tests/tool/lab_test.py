#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grebe lab as a program: where scripts come from, how it ends.  What scripts do is shown in
tests/lab."""

import json
import os
import pathlib
import re
import signal
import subprocess

from harness import Case, SOURCE, main, run, start

UPDATE = b'{"do":"update","endpoints":[{"addresses":["10.0.0.1:80"]}]}\n'


class Lab(Case):
    def test_script_comes_from_a_file_or_stdin(self):
        path = self.folder / "script.jsonl"
        path.write_bytes(UPDATE)
        from_file = run("lab", path)
        self.assertEqual((from_file.returncode, from_file.stderr), (0, b""))
        self.assertIn(b'"ev":"connect"', from_file.stdout)
        for words in (["lab"], ["lab", "-"], ["lab", "-o", "json", "--no-color"]):
            done = run(*words, stdin=UPDATE)
            self.assertEqual((done.returncode, done.stdout), (0, from_file.stdout))

    def test_policy_comes_from_a_shared_object(self):
        plugin = pathlib.Path(os.environ["GREBE_BINARY_DIR"], "tests/plugin/sticky.so")
        lines = [{"do": "update", "config": [{"sticky": {"header": "session"}}], "endpoints":
                  [{"addresses": [f"10.0.0.{i}:80"]} for i in range(4)]}]
        for state in ("CONNECTING", "READY"):
            lines += [{"do": "subconn", "address": f"10.0.0.{i}:80", "state": state}
                      for i in range(4)]
        lines += [{"do": "pick", "n": 50, "metadata": {"session": name}}
                  for name in ("alice", "bob", "carol", "dave", "eve")]
        script = "\n".join(map(json.dumps, lines)).encode()
        done = run("lab", "--load", plugin, stdin=script)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        picks = [event["counts"] for event in map(json.loads, done.stdout.splitlines())
                 if event["ev"] == "pick"]
        self.assertEqual([list(counts.values()) for counts in picks], [[50]] * 5)
        self.assertGreater(len({address for counts in picks for address in counts}), 1)
        done = run("lab", "--load", "absent.so", stdin=script)
        self.check_usage(done, "grebe lab: --load: ./absent.so: cannot open")

    def test_last_line_needs_no_newline(self):
        self.assertEqual(run("lab", stdin=UPDATE.strip()).stdout, run("lab", stdin=UPDATE).stdout)
        self.assertEqual(run("lab", stdin=UPDATE.replace(b"\n", b"\r\n")).returncode, 0)

    def test_wrong_words_are_usage(self):
        self.check_usage(run("lab", "/nowhere/script"), "/nowhere/script: No such file")
        self.check_usage(run("lab", "-o", "table"), "json")
        self.check_usage(run("lab", "a", "b"), "one word too many")

    def test_wrong_line_is_numbered_and_what_was_right_is_printed(self):
        done = run("lab", stdin=UPDATE + b'\n# a comment\n{"do":"jump"}\n' + UPDATE)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr.count(b"\n"), 1)
        self.assertTrue(done.stderr.startswith(b"grebe lab: line 4: do: "), done.stderr)
        self.assertEqual(done.stdout.count(b'"ev":"update"'), 1)
        self.assertNotIn(b"close", done.stdout)

    def test_wrong_line_of_a_file_is_named_with_it(self):
        path = self.folder / "script.jsonl"
        path.write_bytes(UPDATE + b'\n{"do":"jump"}\n')
        done = run("lab", path)
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"grebe lab: {path}: line 3: do: ", done.stderr.decode())

    def test_recording_that_cannot_be_written_is_told(self):
        done = run("lab", "--record", "/dev/full", stdin=UPDATE)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, b"grebe lab: --record: /dev/full: it could not be "
                                      b"written to the end\n")

    def test_long_lines_end(self):
        done = run("lab", stdin=b" " * (5 << 20))
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr, b"grebe lab: line 1: it has more than 4194304 bytes\n")

    def test_events_come_line_by_line(self):
        """Whoever writes a script as it goes reads what each line did before the next."""
        lab = start("lab", stdin=subprocess.PIPE)
        lab.stdin.write(UPDATE)
        lab.stdin.flush()
        events = [json.loads(lab.stdout.readline()) for _ in range(4)]
        self.assertEqual([event["ev"] for event in events],
                         ["new_subconn", "update", "connect", "state"])
        self.assertEqual(lab.communicate()[0].count(b"\n"), 2)
        self.assertEqual(lab.returncode, 0)

    def test_sigint_ends_the_script_and_prints_what_is_left(self):
        lab = start("lab", stdin=subprocess.PIPE)
        lab.stdin.write(UPDATE)
        lab.stdin.flush()
        for _ in range(4):
            lab.stdout.readline()
        lab.send_signal(signal.SIGINT)
        left = lab.stdout.read()
        self.assertEqual(lab.wait(10), 0)
        self.assertEqual([json.loads(line)["ev"] for line in left.splitlines()],
                         ["close", "shutdown"])
        lab.stdin.close()
        self.assertEqual(lab.stderr.read(), b"")
        lab.stdout.close()
        lab.stderr.close()

    def test_reader_that_goes_away_is_a_failure(self):
        lab = start("lab", stdin=subprocess.PIPE)
        lab.stdout.close()
        try:
            lab.stdin.write(UPDATE * 1000)
            lab.stdin.close()
        except BrokenPipeError:
            pass
        self.assertEqual(lab.wait(10), 1)
        lab.stderr.close()

    def test_guide_shows_what_happens(self):
        guide = (SOURCE / "docs/guide/tool.md").read_text()
        shown = re.search(r"\$ cat two.jsonl\n(.*?)\$ grebe lab two.jsonl\n(.*?)```", guide, re.S)
        script = shown[1].replace(',\n "config"', ', "config"')  # broken to fit the page
        self.assertEqual(run("lab", stdin=script.encode()).stdout.decode(), shown[2])

    def test_ten_thousand_endpoints(self):
        """A script as large as the largest channels."""
        names = [f"10.{i // 256}.{i % 256}.1:80" for i in range(10000)]
        endpoints = [{"addresses": [name]} for name in names]
        lines = [{"do": "update", "endpoints": endpoints, "config": [{"round_robin": {}}]}]
        lines += [{"do": "subconn", "address": name, "state": state}
                  for name in names[:1000] for state in ("CONNECTING", "READY")]
        lines.append({"do": "pick", "n": 3000})
        done = run("lab", stdin="\n".join(map(json.dumps, lines)).encode())
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        picks = next(json.loads(line) for line in done.stdout.splitlines() if b'"pick"' in line)
        self.assertEqual(set(picks["counts"].values()), {3})
        self.assertEqual(len(picks["counts"]), 1000)
        self.assertEqual(len(picks["sequence"]), 100)


main()
