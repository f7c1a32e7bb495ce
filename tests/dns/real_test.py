#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""real_test.py CALLER -- channels over real DNS servers, nsd and dnsmasq.

While records change, caller.c calls all the time: new backends carry calls within the TTL
and a second, and whatever the DNS does, no call is lost.  Cases wait most of their time,
so several run side by side; each has names of its own.
"""

import concurrent.futures
import json
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tool"))

import servers  # noqa: E402
from harness import Backend, run_json, start  # noqa: E402

CALLER = sys.argv[1]
TTL_S = 1
LATE_S = TTL_S + 1  # when a change must have reached the calls
N_AT_ONCE = 4


class Caller:
    """caller.c at work; phase() gives what happened since the last one."""

    def __init__(self, target, *words):
        self.process = subprocess.Popen(
            [CALLER, target, "100", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def phase(self, seconds):
        """What happens in so many seconds, and in as many more as a busy machine takes."""
        time.sleep(seconds)
        result = self.result()
        if result["stall"] > 0.2:
            time.sleep(result["stall"])
            merge(result, self.result())
        return result

    def result(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.log = self.process.communicate(timeout=30)[1].decode()
        if self.process.returncode != 0:
            raise AssertionError(self.log)


def merge(result, later):
    result["failed"] |= later["failed"]
    result["stall"] = max(result["stall"], later["stall"])
    for peer, answers in later["peers"].items():
        result["peers"].setdefault(peer, answers)["last"] = answers["last"]


class World:
    """What the cases share: a server, and backends on many addresses of loopback."""

    def __init__(self, folder, backends):
        self.folder = pathlib.Path(folder)
        self.nsd = servers.Nsd(self.folder / "shared", TTL_S)
        self.backends = backends
        self.port = backends.addresses[0].rsplit(":", 1)[1]
        self.lock = threading.Lock()

    def update(self, **names):
        with self.lock:
            return self.nsd.update(**names)

    def target(self, name):
        return f"{self.nsd.target}{name}.grebe.test:{self.port}"

    def peer(self, n):
        """The address of backend n."""
        return self.backends.addresses[n]

    def ip(self, n):
        return self.peer(n).rsplit(":", 1)[0]

    def a(self, *numbers):
        return [f"A {self.ip(n)}" for n in numbers]


def check(condition, *values):
    if not condition:
        raise AssertionError(" ".join(map(str, values)))


def check_peers(phase, *peers):
    """These got calls and no others, and no call was lost."""
    check(phase["failed"] == {}, phase["failed"])
    check(set(phase["peers"]) == set(peers), phase["peers"], "instead of", peers)


def check_joined(phase, peer, visible, limit=LATE_S):
    check(phase["failed"] == {}, phase["failed"])
    check(peer in phase["peers"], peer, "got no call:", phase["peers"])
    late = phase["peers"][peer]["first"] - visible
    check(late <= limit + phase["stall"], peer,
          f"got its first call {late:.2f} s after the change, stall {phase['stall']:.2f} s")


def check_left(phase, peer, visible, limit=LATE_S):
    check(phase["failed"] == {}, phase["failed"])
    late = phase["peers"].get(peer, {"last": visible})["last"] - visible
    check(late <= limit + phase["stall"], peer,
          f"still got a call {late:.2f} s after the change, stall {phase['stall']:.2f} s")


# ---- Addresses -------------------------------------------------------------------------


def case_backends_join_and_leave_within_the_ttl(world):
    world.update(join=world.a(0, 1))
    with Caller(world.target("join")) as caller:
        check_peers(caller.phase(1), world.peer(0), world.peer(1))
        visible = world.update(join=world.a(0, 1, 2))
        check_joined(caller.phase(LATE_S), world.peer(2), visible)
        check_peers(caller.phase(0.2), world.peer(0), world.peer(1), world.peer(2))
        visible = world.update(join=world.a(1, 2))
        check_left(caller.phase(LATE_S), world.peer(0), visible)
        check_peers(caller.phase(0.2), world.peer(1), world.peer(2))
        visible = world.update(join=world.a(3))
        phase = caller.phase(LATE_S)
        check_joined(phase, world.peer(3), visible)
        check_left(phase, world.peer(1), visible)
        check_peers(caller.phase(0.2), world.peer(3))


def case_name_that_is_gone_or_empty_keeps_its_list(world):
    world.update(gone=world.a(0))
    with Caller(world.target("gone")) as caller:
        check_peers(caller.phase(1), world.peer(0))
        world.update(gone=[])  # NXDOMAIN
        check_peers(caller.phase(2.5), world.peer(0))
        world.update(gone=['TXT "nothing but this"'])  # no such records
        check_peers(caller.phase(1), world.peer(0))
        visible = world.update(gone=world.a(1))
        # Backoff by now: 1.6 s, 2.6 s or 4.1 s, and a fifth.
        phase = caller.phase(6)
        check_joined(phase, world.peer(1), visible, limit=6)
        check_peers(caller.phase(0.2), world.peer(1))
    check("the 1 endpoint known before stays" in caller.log, caller.log)
    check(len(caller.log.splitlines()) < 8, caller.log)


def case_server_may_die_and_fail_and_come_back(world):
    nsd = servers.Nsd(world.folder / "dies", TTL_S)
    nsd.names = {"mortal": world.a(0)}
    nsd.start()
    try:
        with Caller(f"{nsd.target}mortal.grebe.test:{world.port}") as caller:
            check_peers(caller.phase(1), world.peer(0))
            nsd.stop()
            check_peers(caller.phase(2), world.peer(0))
            nsd.start_without_zone()
            check_peers(caller.phase(2), world.peer(0))
            nsd.stop()
            nsd.names = {"mortal": world.a(1)}
            nsd.start()
            visible = time.time()
            check_joined(caller.phase(6), world.peer(1), visible, limit=6)
    finally:
        nsd.stop()


def case_two_hundred_addresses_come_over_tcp(world):
    everybody = range(len(world.backends.addresses))
    world.update(many=world.a(*everybody))
    check(servers.ask(world.nsd.port, "many.grebe.test", 1)[2] & 2, "not truncated")
    code, found = run_json("resolve", world.target("many"))
    check((code, len(found["endpoints"])) == (0, 200), code, found)
    with Caller(world.target("many")) as caller:
        phase = caller.phase(3)
        check_peers(phase, *world.backends.addresses)
        world.update(many=world.a(*everybody[100:]))
        caller.phase(LATE_S)
        check_peers(caller.phase(1), *world.backends.addresses[100:])


def case_aliases_are_followed(world):
    world.update(alias=["CNAME alias1"], alias1=["CNAME alias2"], alias2=world.a(4))
    with Caller(world.target("alias")) as caller:
        check_peers(caller.phase(0.5), world.peer(4))
        visible = world.update(alias=["CNAME other"], other=world.a(5))
        check_joined(caller.phase(LATE_S), world.peer(5), visible)


def case_both_families_are_used(world):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", int(world.port)))
    except OSError as why:
        return f"no IPv6 on this machine: {why}"
    with Backend(listen=f"[::1]:{world.port}") as backend:
        world.update(both=world.a(0) + ["AAAA ::1"])
        with Caller(world.target("both")) as caller:
            check_peers(caller.phase(0.5), world.peer(0), backend.address)


# ---- Services --------------------------------------------------------------------------


def case_services_have_ports_weights_and_priorities(world):
    with Backend(count=3) as own:
        ports = [address.rsplit(":", 1)[1] for address in own.addresses]
        name = "_grpc._tcp.svc"
        target = f"{world.nsd.target}{name}.grebe.test"
        world.update(**{
            name: [f"SRV 5 30 {ports[0]} host", f"SRV 5 0 {ports[1]} host",
                   f"SRV 9 10 {ports[2]} host"],
            "host": ["A 127.0.0.1"]})
        code, found = run_json("resolve", target)
        check(code == 0 and found["source"] == "SRV, A", found)
        weights = {endpoint["addresses"][0]["address"]: endpoint["attributes"]["weight"]
                   for endpoint in found["endpoints"]}
        check(weights == {own.addresses[0]: 30, own.addresses[1]: 1}, weights)
        with Caller(target) as caller:
            check_peers(caller.phase(0.5), *own.addresses[:2])
            # The first two move out, and the third is what remains.
            visible = world.update(**{name: [f"SRV 5 0 {ports[0]} nowhere",
                                             f"SRV 9 10 {ports[2]} host"]})
            phase = caller.phase(LATE_S)
            check_joined(phase, own.addresses[2], visible)
            check_left(phase, own.addresses[0], visible)
            visible = world.update(**{name: [f"SRV 5 0 {ports[0]} host"]})
            check_joined(caller.phase(LATE_S), own.addresses[0], visible)
            check_peers(caller.phase(0.2), own.addresses[0])


def case_a_hundred_srv_records_come_over_tcp(world):
    name = "_many._tcp.svc"
    world.update(**{name: [f"SRV 0 {i} {1000 + i} h{i}" for i in range(100)],
                    **{f"h{i}": [f"A 127.0.9.{i}"] for i in range(100)}})
    _, found = run_json("resolve", f"{world.nsd.target}{name}.grebe.test", "--no-txt")
    seen = {(endpoint["addresses"][0]["address"], endpoint["attributes"]["weight"])
            for endpoint in found["endpoints"]}
    check(seen == {(f"127.0.9.{i}:{1000 + i}", max(i, 1)) for i in range(100)}, seen)


# ---- Service configs -------------------------------------------------------------------


def config_records(policy, padding=0):
    """As strings of 255 bytes, which is what a TXT record is made of."""
    choices = [{"clientLanguage": ["java"], "serviceConfig": {}},
               {"percentage": 100, "serviceConfig": {
                   "loadBalancingConfig": [{policy: {}}], "padding": "x" * padding}}]
    text = "grpc_config=" + json.dumps(choices, separators=(",", ":"))
    pieces = [text[i:i + 200].replace('"', '\\"') for i in range(0, len(text), 200)]
    return ["TXT " + " ".join(f'"{piece}"' for piece in pieces)]


def case_config_of_the_dns_is_put_in_force(world):
    # Long enough for TCP the second time.
    world.update(conf=world.a(0, 1), _grpc_config__conf=config_records("pick_first"))
    with Caller(world.target("conf")) as caller:
        phase = caller.phase(0.5)
        check(phase["failed"] == {} and len(phase["peers"]) == 1, phase)
        world.update(_grpc_config__conf=config_records("round_robin", 2000))
        check(caller.phase(LATE_S)["failed"] == {})
        check_peers(caller.phase(0.2), world.peer(0), world.peer(1))
        # What makes no sense, and what is gone, changes nothing.
        world.update(_grpc_config__conf=['TXT "grpc_config=[{"'])
        check_peers(caller.phase(LATE_S), world.peer(0), world.peer(1))
        world.update(_grpc_config__conf=[])
        check_peers(caller.phase(LATE_S), world.peer(0), world.peer(1))
    check(caller.log.count("is not used") == 1, caller.log)


# ---- dnsmasq ---------------------------------------------------------------------------


def case_dnsmasq_serves_a_hosts_file(world):
    dnsmasq = servers.Dnsmasq(world.folder / "dnsmasq", ttl_s=TTL_S)
    dnsmasq.start()
    try:
        dnsmasq.update("hosts.test", [world.ip(0)])
        with Caller(f"{dnsmasq.target}hosts.test:{world.port}") as caller:
            check_peers(caller.phase(0.5), world.peer(0))
            visible = dnsmasq.update("hosts.test", [world.ip(0), world.ip(1)])
            check_joined(caller.phase(LATE_S), world.peer(1), visible)
    finally:
        dnsmasq.stop()


def case_cache_in_between_costs_one_more_ttl(world):
    dnsmasq = servers.Dnsmasq(world.folder / "cache", upstream=world.nsd.port)
    dnsmasq.start()
    try:
        world.update(cached=world.a(0))
        with Caller(f"{dnsmasq.target}cached.grebe.test:{world.port}") as caller:
            check_peers(caller.phase(1), world.peer(0))
            visible = world.update(cached=world.a(1))
            phase = caller.phase(LATE_S + TTL_S)
            check_joined(phase, world.peer(1), visible, LATE_S + TTL_S)
    finally:
        dnsmasq.stop()


# ---- grebe resolve ---------------------------------------------------------------------


def case_watch_shows_changes_and_failures(world):
    world.update(watched=world.a(0, 1), _grpc_config__watched=config_records("pick_first"))
    watch = start("resolve", world.target("watched"), "--watch", "-o", "json",
                  "--min-interval", "0.1")
    try:
        def line(wanted):
            while True:
                update = json.loads(watch.stdout.readline())
                if wanted(update):
                    return update

        first = line(lambda _: True)
        check((first["version"], first["added"], first["removed"]) == (1, 2, 0), first)
        check(first["source"] == "A, TXT" and first["ttl_s"] == 1, first)
        check(0.8 < first["next_refresh_s"] < 1.2, first)
        check("loadBalancingConfig" in first["service_config"], first)
        world.update(watched=world.a(1, 2))
        changed = line(lambda update: update["added"])
        check((changed["added"], changed["removed"]) == (1, 1), changed)
        check(line(lambda _: True)["added"] == 0)
        world.update(watched=[])
        failed = line(lambda update: update["error"])
        check(failed["error"]["code"] == "UNAVAILABLE", failed)
        check(1.2 < failed["next_refresh_s"] < 2, failed)
        check(failed["endpoints"] == [], failed)
        watch.send_signal(signal.SIGINT)
        check(watch.wait(10) == 1, "the last answer was an error")
    finally:
        watch.kill()
        watch.communicate()


# ---- Running ---------------------------------------------------------------------------


def attempt(case, world):
    """(reason for a skip, account of a failure), of which one at most is there."""
    try:
        return case(world), None
    except Exception:
        return None, traceback.format_exc()


def main():
    for program in ("nsd", "dnsmasq"):
        if servers.find(program) is None:
            print(f"skipped: no {program} (./dev test gets it from Debian)")
            return 77
    cases = [case for name, case in globals().items() if name.startswith("case_")]
    if len(sys.argv) > 2:
        cases = [case for case in cases if any(word in case.__name__
                                               for word in sys.argv[2:])]
    port = servers.free_port()
    listeners = [f"127.0.{1 + i // 100}.{1 + i % 100}:{port}" for i in range(200)]
    words = [word for address in listeners[1:] for word in ("--listen", address)]
    failures = 0
    with tempfile.TemporaryDirectory() as folder, \
            Backends(listeners[0], words, len(listeners)) as backends, \
            concurrent.futures.ThreadPoolExecutor(N_AT_ONCE) as pool:
        world = World(folder, backends)
        world.nsd.start()
        try:
            print(f"1..{len(cases)}")
            results = pool.map(lambda case: attempt(case, world), cases)
            for number, (case, (skip, failure)) in enumerate(zip(cases, results), 1):
                if failure:
                    print(failure)
                failures += failure is not None
                print(f"{'not ok' if failure else 'ok'} {number} - "
                      f"{case.__name__.removeprefix('case_')}"
                      f"{f' # SKIP {skip}' if skip else ''}", flush=True)
        finally:
            world.nsd.stop()
    return 1 if failures else 0


class Backends(Backend):
    """A backend with many listeners, of which each says where it listens."""

    def __init__(self, first, words, n):
        super().__init__(*words, listen=first)
        for _ in range(n - 1):
            self.addresses.append(self.process.stdout.readline().decode().split()[1])


if __name__ == "__main__":
    sys.exit(main())
