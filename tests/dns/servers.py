# SPDX-License-Identifier: Apache-2.0
"""servers.py -- DNS servers nobody here wrote, on loopback and on ports of their own.

Nsd serves zones from files and reads them again on SIGHUP; Dnsmasq serves a hosts file, or
forwards to another server and caches what that says.  A change has happened when update()
returns: it asks until the server says so, and gives the time.
"""

import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import time

PACKAGES = pathlib.Path(os.environ.get("GREBE_SOURCE_DIR", ".")) / "build/packages"
PATIENCE_S = 10  # for a server to start, or to see a change


def find(program):
    """Where the program is: installed, or unpacked by ./dev; None if it is not."""
    unpacked = PACKAGES / program / "usr/sbin" / program
    if unpacked.exists():
        return str(unpacked)
    return shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def free_port():
    """A port that is free for UDP and TCP alike."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return tcp.getsockname()[1]


def ask(port, name, kind):
    """The bytes a server answers a question with; b"" if it does not."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    query = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + labels + b"\0" + struct.pack(">HH", kind, 1)
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.2)
        udp.connect(("127.0.0.1", port))
        try:
            udp.send(query)
            return udp.recv(4096)
        except OSError:
            return b""


def wait_for(condition, what):
    """Until it holds; gives the time."""
    end = time.time() + PATIENCE_S
    while not condition():
        if time.time() > end:
            raise AssertionError(f"no {what} within {PATIENCE_S} s")
        time.sleep(0.01)
    return time.time()


class Server:
    """A process that is started with a command and killed with the test."""

    def __init__(self, folder):
        self.port = free_port()
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = None

    @property
    def target(self):
        return f"dns://127.0.0.1:{self.port}/"

    def run(self, *words):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(words, stdout=log, stderr=log)
        log.close()

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class Nsd(Server):
    """The zone grebe.test: a dict of names to lists of "TYPE DATA"."""

    CONFIG = """
server:
  server-count: 1
  ip-address: 127.0.0.1@{port}
  username: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/pid"
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
  xfrd-reload-timeout: 0
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: grebe.test
  zonefile: zone
"""

    def __init__(self, folder, ttl_s=1):
        super().__init__(folder)
        self.ttl_s, self.serial, self.names = ttl_s, 0, {}
        config = self.CONFIG.format(port=self.port, folder=self.folder)
        (self.folder / "nsd.conf").write_text(config)

    def start(self):
        self.write()
        self.launch()
        wait_for(self.is_current, "answer from nsd")

    def start_without_zone(self):
        """It answers SERVFAIL."""
        (self.folder / "zone").unlink()
        self.launch()
        wait_for(lambda: ask(self.port, "grebe.test", 1)[3:4] == b"\x02", "SERVFAIL")

    def launch(self):
        self.run(find("nsd"), "-d", "-c", self.folder / "nsd.conf")

    def is_current(self):
        """Several times over: a process with the old zone may answer beside the new one."""
        new = f"<{self.serial}>".encode()
        return all(new in ask(self.port, "serial.grebe.test", 16) for _ in range(10))

    def write(self):
        self.serial += 1
        lines = [
            "$ORIGIN grebe.test.",
            f"$TTL {self.ttl_s}",
            f"@ SOA ns. me. {self.serial} 60 60 60 1",
            "@ NS ns.",
            f'serial TXT "<{self.serial}>"',
        ]
        for name, records in self.names.items():
            lines += [f"{name} {record}" for record in records]
        (self.folder / "zone.new").write_text("\n".join(lines) + "\n")
        (self.folder / "zone.new").rename(self.folder / "zone")

    def update(self, **names):
        """What these names have from now on; [] for nothing at all.  Gives the time."""
        self.names.update({name.replace("__", "."): records
                           for name, records in names.items()})
        self.write()
        self.process.send_signal(signal.SIGHUP)
        return wait_for(self.is_current, "change in nsd")


class Dnsmasq(Server):
    """A hosts file, or, with `upstream`, a cache before that port."""

    def __init__(self, folder, upstream=None, ttl_s=1):
        super().__init__(folder)
        self.hosts = self.folder / "hosts"
        self.hosts.write_text("")
        self.words = [
            find("dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null",
            f"--port={self.port}", "--listen-address=127.0.0.1", "--bind-interfaces",
            "--no-resolv", "--no-hosts", f"--addn-hosts={self.hosts}",
            f"--local-ttl={ttl_s}", f"--pid-file={self.folder / 'pid'}",
            "--log-facility=-",
        ]
        if os.getuid() == 0:
            self.words.append("--user=root")  # or it could not read its own folder
        if upstream is not None:
            self.words.append(f"--server=127.0.0.1#{upstream}")

    def start(self):
        self.run(*self.words)
        wait_for(lambda: ask(self.port, "anything.test", 1) != b"", "answer from dnsmasq")

    def update(self, name, addresses):
        self.hosts.write_text("".join(f"{address} {name}\n" for address in addresses))
        self.process.send_signal(signal.SIGHUP)
        last = socket.inet_aton(addresses[-1])
        return wait_for(lambda: last in ask(self.port, name, 1), "change in dnsmasq")
