#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What all verbs share: usage, help, the manual, exit codes."""

import json
import os
import pty
import re
import resource
import subprocess

from harness import Backend, Case, ECHO, LIMIT_S, SOURCE, TOOL, main, run, start

VERBS = ["call", "bench", "backend", "resolve", "lab", "demo"]


class Cli(Case):
    def test_without_words_the_verbs_are_listed(self):
        done = run()
        self.assertEqual(done.returncode, 2)
        for verb in VERBS:
            self.assertIn(f"\n  {verb} ".encode(), done.stderr)

    def test_help_is_no_error_and_goes_to_stdout(self):
        for words in (["--help"], ["-h"], ["help"]):
            done = run(*words)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertIn(b"Exit codes: 0 fine, 1", done.stdout)

    def test_every_verb_has_help_with_examples(self):
        for verb in VERBS:
            done = run(verb, "--help")
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            text = done.stdout.decode()
            self.assertEqual(text, run("help", verb).stdout.decode())
            self.assertIn(f"Usage: grebe {verb}", text)
            self.assertIn(f"\nExamples\n  grebe {verb}", text)
            for option in ("--output", "--no-color"):
                self.assertIn(option, text)

    def test_help_fits_a_terminal(self):
        for verb in VERBS:
            text = run(verb, "--help").stdout.decode()
            options = text[: text.index("\nExamples\n")]
            self.assertLessEqual(max(map(len, options.splitlines())), 80)

    def test_examples_name_options_that_exist(self):
        for verb in VERBS:
            text = run(verb, "--help").stdout.decode()
            options, examples = text.split("\nExamples\n")
            for option in re.findall(r"(?<= )--?[a-z][a-z-]*", examples):
                if not option.startswith("-USR"):
                    self.assertRegex(options, rf"(?m)^ +.*{re.escape(option)}\b")

    def test_wrong_words_are_one_line(self):
        self.check_usage(run("cal"), "no verb 'cal', did you mean call?", "grebe --help")
        self.check_usage(run("sim"), "no verb 'sim' (try 'grebe --help')")
        self.check_usage(run("help", "cal"), "no verb 'cal'", "grebe --help")
        self.check_usage(run("call", "--nonsense"), "--nonsense", "grebe call --help")
        self.check_usage(run("bench", "--polic", "x"), "did you mean --policy?")
        self.check_usage(run("call", "x"), "METHOD is missing")
        self.check_usage(run("demo", "-o", "csv"), "table|json")
        self.check_usage(run("backend", "surplus"), "one word too many")

    def test_want_of_descriptors_is_no_wrong_usage(self):
        """Whatever cannot be opened, nothing crashes, and the exit code is 1."""
        verbs = [["call", "--plaintext", "127.0.0.1:1", "a.B/C", "-d", ""],
                 ["bench", "--plaintext", "127.0.0.1:1", "a.B/C", "-n", "1"],
                 ["bench", "--plaintext", "127.0.0.1:1", "a.B/C", "-n", "1", "--threads",
                  "1"],
                 ["resolve", "dns:///localhost:1"],
                 ["backend", "--listen", "127.0.0.1:0"],
                 ["demo", "--seconds", "2", "--policy", "round_robin"]]
        # With less than six, libuv gives up before main() has anything to say.
        for n in range(6, 16):
            for words in verbs:
                tool = start(*words, preexec_fn=lambda: resource.setrlimit(
                    resource.RLIMIT_NOFILE, (n, n)))
                if words[0] == "backend" and tool.stdout.readline():
                    tool.terminate()
                _, errors = tool.communicate(timeout=20)
                self.assertIn(tool.returncode, (0, 1), (n, words, errors))
                self.assertNotIn(b"--help", errors)

    def test_version_is_the_librarys(self):
        header = (SOURCE / "include/grebe/version.h").read_text()
        version = re.search(r'GREBE_VERSION +"(.*)"', header)[1]
        self.assertEqual(run("--version").stdout.decode(), f"grebe {version}\n")

    def test_manual_on_disk_is_up_to_date(self):
        manual = run("--manual").stdout.decode()
        self.assertEqual((SOURCE / "docs/man/grebe.1").read_text(), manual,
                         "renew it with: grebe --manual > docs/man/grebe.1")

    def test_manual_has_every_option(self):
        manual = run("--manual").stdout.decode().replace("\\-", "-")
        for verb in VERBS:
            for option in re.findall(r"(?m)^  (?:-.,|   ) (--[a-z-]+)",
                                     run(verb, "--help").stdout.decode()):
                self.assertIn(f"\\fB{option}\\fR", manual)

    def test_wrong_channel_options_are_one_line(self):
        base = ["call", "127.0.0.1:1", "a.B/C", "-d", ""]
        for words, part in [
            (["--plaintext", "--insecure"], "--plaintext does not go with"),
            (["--cert", "x"], "--cert and --key go together"),
            (["--cacert", "/nowhere"], "/nowhere"),
            (["--cacert", "x", "--insecure"], "choose one"),
            (["--plaintext", "--policy", "nonsense"], "there is no 'nonsense'"),
            (["--plaintext", "--service-config", "{"], "service"),
            (["--plaintext", "--service-config", "@/nowhere"], "/nowhere"),
            (["--plaintext", "-H", "nonsense"], "'name: value'"),
            (["--plaintext", "-H", "a-bin: !"], "not base64"),
            (["--plaintext", "-H", "a b: c"], "'a b': a name has letters"),
            (["--plaintext", "-H", "a: \u00e4"], "a value is printable ASCII"),
            (["--plaintext", "--authority", "a b"], "no header may hold"),
            (["--plaintext", "-H", "ä: x"], "-H"),
            (["--plaintext", "--max-time", "0"], "--max-time"),
        ]:
            self.check_usage(run(*base, *words), part)

    def test_scheme_of_nobody_is_wrong_usage(self):
        for verb in (["call"], ["bench"], ["resolve"]):
            operands = ["XDS:///x"] if verb == ["resolve"] else ["XDS:///x", "a.B/C"]
            self.check_usage(run(*verb, *operands), "nobody resolves 'xds'")

    def test_no_colours_outside_of_a_terminal(self):
        done = run("resolve", "ipv4:127.0.0.1:1", env={"TERM": "xterm"})
        self.assertNotIn(b"\033", done.stdout)

    def on_terminal(self, *words, **env):
        """What the tool writes to a terminal."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(TOOL, [TOOL, *words], {**os.environ, "TERM": "xterm", **env})
        text = b""
        while True:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                piece = b""
            if not piece:
                break
            text += piece
        os.close(terminal)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        return text

    def test_colours_on_a_terminal_unless_they_are_unwanted(self):
        words = ["resolve", "ipv4:127.0.0.1:1"]
        self.assertIn(b"\033[1m", self.on_terminal(*words))
        for text in (self.on_terminal(*words, "--no-color"),
                     self.on_terminal(*words, NO_COLOR="1"),
                     self.on_terminal(*words, TERM="dumb")):
            self.assertNotIn(b"\033[1m", text)

    def test_json_has_a_version(self):
        done = run("resolve", "ipv4:127.0.0.1:1", "-o", "json")
        self.assertEqual(json.loads(done.stdout)["version"], 1)

    def check_disk_full(self, *words, stdin=b""):
        """Exit code 1 and one line, the last on stderr."""
        with open("/dev/full", "wb") as full:
            done = subprocess.run([TOOL, *words], input=stdin, stdout=full,
                                  stderr=subprocess.PIPE, timeout=LIMIT_S)
        lines = done.stderr.decode().splitlines()
        self.assertEqual(done.returncode, 1, words)
        self.assertEqual(lines[-1:], ["grebe: the result could not be written: "
                                      "No space left on device"], words)
        self.assertEqual(done.stderr.count(b"could not be written"), 1, words)

    def test_a_result_that_finds_no_room_is_a_failure(self):
        script = b'{"do": "update", "endpoints": [{"addresses": ["10.0.0.1:80"]}]}\n'
        self.check_disk_full("--help")
        self.check_disk_full("lab", stdin=script)
        self.check_disk_full("backend", "--listen", "127.0.0.1:0")
        for output in ("table", "json"):
            self.check_disk_full("resolve", "ipv4:10.0.0.1:80", "-o", output)
            # One that would go on for ever.
            self.check_disk_full("resolve", "ipv4:10.0.0.1:80", "-w", "-o", output)
            self.check_disk_full("lab", "--conformance", "round_robin", "--rule",
                                 "publishes", "-o", output)
        with Backend() as backend:
            target = ["--plaintext", backend.target, ECHO]
            self.check_disk_full("call", *target, "-d", "x")
            for output in ("table", "json", "csv"):
                self.check_disk_full("bench", *target, "-n", "1", "-o", output)

    def test_a_reader_that_is_gone_is_told_nothing(self):
        with Backend() as backend:
            call = start("call", "--plaintext", backend.target, ECHO, "-d", "x", "-o",
                         "json", "-n", "2000")
            call.stdout.close()
            errors = call.stderr.read()
            self.assertEqual((call.wait(LIMIT_S), errors), (1, b""))
            call.stderr.close()

    def test_streams_that_are_closed_do_no_harm(self):
        with Backend() as backend:
            words = [TOOL, "call", "--plaintext", backend.target, ECHO, "-d", "x"]
            done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *words], timeout=LIMIT_S,
                                  stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"could not be written: Bad file descriptor", done.stderr)
            done = subprocess.run(["sh", "-c", '"$@" <&- 2>&-', "sh", *words],
                                  timeout=LIMIT_S, stdout=subprocess.PIPE)
            self.assertEqual((done.returncode, done.stdout), (0, b"x"))


main()
