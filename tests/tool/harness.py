# SPDX-License-Identifier: Apache-2.0
"""harness.py -- the tool as a process, and tests that speak TAP.

GREBE_TOOL names the program.  Everything listens on 127.0.0.1 with ports of the system's
choice, and nothing that a test starts outlives it.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = pathlib.Path(os.environ.get("GREBE_SOURCE_DIR", HERE.parents[1]))
TOOL = os.environ.get("GREBE_TOOL", str(SOURCE / "build/bin/grebe"))
IS_SANITIZED = bool(os.environ.get("GREBE_SANITIZE"))
# A proxy that this machine happens to have is none of the tests' business.
for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
    os.environ.pop(name, None)
LIMIT_S = 60  # for one run of the tool
ECHO = "grebe.test.Echo/Echo"


def run(*words, stdin=b"", timeout=LIMIT_S, env=None):
    """Run the tool to its end; stdout and stderr are bytes."""
    return subprocess.run(
        [TOOL, *map(str, words)],
        input=stdin,
        capture_output=True,
        timeout=timeout,
        env={**os.environ, **(env or {})},
    )


def run_json(*words, **options):
    """Run the tool with -o json; gives the exit code and what it printed."""
    done = run(*words, "-o", "json", **options)
    return done.returncode, json.loads(done.stdout) if done.stdout else None


def start(*words, **options):
    """Start the tool and leave it running."""
    return subprocess.Popen(
        [TOOL, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


class Backend:
    """`grebe backend` for the length of a with statement, which ends with a drain."""

    def __init__(self, *words, listen="127.0.0.1:0", count=1):
        options = ["--count", count, *words]
        self.process = start("backend", "--listen", listen, *options)
        self.addresses = []
        self.clients = []  # to be closed before it is stopped
        for _ in range(count):
            line = self.process.stdout.readline().decode()
            if not line.startswith("listening "):
                raise AssertionError(line + self.process.communicate()[1].decode())
            self.addresses.append(line.split()[1])

    @property
    def address(self):
        return self.addresses[0]

    @property
    def target(self):
        """All of them, as the library takes them."""
        if self.address.startswith("unix:"):
            return self.address
        return "ipv4:" + ",".join(self.addresses)

    def stop(self, number=signal.SIGTERM):
        """Signal, wait; gives the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self):
        """Wait for the end; gives the exit code."""
        if self.process.stderr.closed:
            return self.process.returncode
        errors = self.process.communicate(timeout=LIMIT_S)[1].decode()
        if "ERROR:" in errors or "runtime error" in errors:  # a sanitizer's
            raise AssertionError(errors)
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for client in self.clients:
            client.close()
        code = self.stop(signal.SIGTERM if kind is None else signal.SIGKILL)
        if kind is None and code != 0:
            raise AssertionError(f"the backend's exit code is {code}")


class Case(unittest.TestCase):
    """A test case with a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def check_usage(self, done, *parts):
        """Exit code 2, nothing on stdout, one line on stderr that has the parts."""
        text = done.stderr.decode()
        self.assertEqual(done.returncode, 2, text)
        self.assertEqual(done.stdout, b"")
        self.assertEqual(text.count("\n"), 1, text)
        for part in parts:
            self.assertIn(part, text)

    def certificates(self):
        """A folder with ca.pem, server.pem, server.key, client.pem and client.key."""
        script = SOURCE / "tests/interop/certs.sh"
        subprocess.run(["sh", script, self.folder], check=True, capture_output=True)
        return self.folder


class Tap(unittest.TestResult):
    """One line for each test."""

    def tell(self, test, is_ok, note=""):
        name = test.id().split(".")[-1].removeprefix("test_")
        print(f"{'ok' if is_ok else 'not ok'} {self.testsRun} - {name}{note}", flush=True)

    def addSuccess(self, test):
        self.tell(test, True)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.tell(test, True, f" # SKIP {reason}")

    def addError(self, test, error):
        super().addError(test, error)
        print(self.errors[-1][1])
        self.tell(test, False)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        print(self.failures[-1][1])
        self.tell(test, False)


def main():
    """Run the tests of the calling script, or those that its arguments name."""
    module = sys.modules["__main__"]
    tests = unittest.defaultTestLoader.loadTestsFromModule(module)
    if len(sys.argv) > 1:
        tests = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:], module)
    result = Tap()
    print(f"1..{tests.countTestCases()}")
    tests.run(result)
    sys.exit(0 if result.wasSuccessful() else 1)
