# SPDX-License-Identifier: Apache-2.0
"""bench/policies.py -- what a policy costs, and what it does for its callers.

Pick       the picker of a channel on virtual servers, asked in a loop (bench/picks.c)
Policies   real sockets: five backends of unequal speed, one that fails, one that leaves

A policy that this build does not have is left out.
"""

import json
import os
import subprocess
import tempfile

METHOD = "/grebe.bench.Echo/UnaryCall"

# What stands in a row, and the entry of loadBalancingConfig behind it.
ROUND_ROBIN = {"round_robin": {}}
PICKS = {
    "pick_first": {"pick_first": {}},
    "round_robin": ROUND_ROBIN,
    "weighted_round_robin": {"weighted_round_robin": {
        "blackoutPeriod": "0s", "enableOobLoadReport": True, "oobReportingPeriod": "1s"}},
    "weighted_round_robin, hearing calls": {"weighted_round_robin": {}},
    "static_weighted_round_robin, stride": {"static_weighted_round_robin": {}},
    "static_weighted_round_robin, smooth": {"static_weighted_round_robin": {"mode": "smooth"}},
    "static_weighted_round_robin, edf": {"static_weighted_round_robin": {"mode": "edf"}},
    "least_request": {"least_request": {}},
    "least_request_full, weighted": {"least_request_full": {"weighted": True}},
    "p2c_ewma": {"p2c_ewma": {}},
    "load_aware": {"load_aware": {}},
    "aperture": {"aperture": {"clientIndex": 3, "clientCount": 100}},
    "ring_hash": {"ring_hash": {}},
    "bounded_load_ring_hash": {"bounded_load_ring_hash": {}},
    "maglev": {"maglev": {}},
    "rendezvous": {"rendezvous": {}},
    "outlier_detection of round_robin": {"outlier_detection": {"childPolicy": [ROUND_ROBIN]}},
    "priority_load of round_robin": {"priority_load": {
        "priorities": ["priority-0", "priority-1"],
        "children": {"priority-0": {"config": [ROUND_ROBIN]},
                     "priority-1": {"config": [ROUND_ROBIN]}}}},
    "random_subsetting of round_robin": {"random_subsetting": {
        "subsetSize": 20, "childPolicy": [ROUND_ROBIN]}},
}
# The most endpoints that make sense: one backend is one backend, and who looks at all of
# them for each pick is not for thousands.
MOST = {"pick_first": 10, "rendezvous": 1000}
# Those with a few connections lose nothing with an endpoint that they do not use.
USES_FEW = ("aperture", "random_subsetting of round_robin")
NO_POLICY = 3  # exit code of bench_picks


def service_config(policy):
    return json.dumps({"loadBalancingConfig": [policy]})


# ---- Pick ---------------------------------------------------------------------------------


def ask_picks(bench, policy, *words):
    """The medians of the two numbers that bench_picks prints; None: no such policy."""
    runs = []
    for _ in range(bench.args.rounds):
        done = subprocess.run([os.path.join(bench.bin, "bench_picks"), json.dumps(policy),
                               *map(str, words)], capture_output=True, text=True)
        if done.returncode == NO_POLICY:
            return None
        done.check_returncode()
        runs.append([float(x) for x in done.stdout.split()])
    return [bench.median(column) for column in zip(*runs)]


def pick(bench):
    rows = []
    for name, policy in PICKS.items():
        row = {"policy": name, "allocations": 0, "ns": {}}
        for n in (10, 100, 1000, 10000):
            if n > MOST.get(name, n):
                continue
            found = ask_picks(bench, policy, n)
            if found is None:
                break
            row["ns"][n] = found[0]
            row["allocations"] = max(row["allocations"], found[1])
        else:
            row["ns_two_threads"] = ask_picks(bench, policy, 10, "--threads", 2)[0]
            if name not in MOST and name not in USES_FEW:
                row["lost_ns"], row["heap_bytes"] = ask_picks(bench, policy, 10000, "--lost")
            rows.append(row)
    bench.result["pick"] = rows
    bench.table(
        "A pick, with its end if the policy hears it: ns of CPU by endpoints; two threads at "
        "once, for each;\nallocations; ms until one of 10,000 that was lost is out; bytes for "
        "each of them, subconn included",
        ["policy", "10", "100", "1,000", "10,000", "2 threads", "allocations", "lost", "bytes"],
        [[r["policy"], *[f"{r['ns'][n]:.1f}" if n in r["ns"] else ""
                         for n in (10, 100, 1000, 10000)],
          f"{r['ns_two_threads']:.1f}", f"{r['allocations']:.0f}",
          f"{r['lost_ns'] / 1e6:.2f}" if "lost_ns" in r else "",
          f"{r['heap_bytes']:,.0f}" if "heap_bytes" in r else ""] for r in rows])


# ---- Policies -----------------------------------------------------------------------------

DELAYS_MS = (2, 3, 4, 6, 10)
CAPACITY = 4   # calls at once, each backend
RATE = 2000    # calls a second: 37 % of what all of them can do, 5 times what the slowest can
WARMUP_S = 4   # blackout, and some updates of weights
SPREADING = {
    "round_robin": ROUND_ROBIN,
    "weighted_round_robin": {"weighted_round_robin": {
        "blackoutPeriod": "1s", "weightUpdatePeriod": "0.5s"}},
    "weighted_round_robin, out of band": {"weighted_round_robin": {
        "blackoutPeriod": "1s", "weightUpdatePeriod": "0.5s", "enableOobLoadReport": True,
        "oobReportingPeriod": "0.5s"}},
    "least_request": {"least_request": {}},
    "least_request_full, weighted": {"least_request_full": {"weighted": True}},
    "p2c_ewma": {"p2c_ewma": {}},
    "load_aware": {"load_aware": {}},
}


class Backend:
    """`grebe backend` for the length of a with statement."""

    def __init__(self, bench, *words):
        self.process = subprocess.Popen(
            [os.path.join(bench.bin, "grebe"), "backend", "--listen", "127.0.0.1:0", *words],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = self.process.stdout.readline().split()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Backends:
    """Several, together."""

    def __init__(self, bench, each):
        self.all = [Backend(bench, *words) for words in each]
        self.addresses = [one.address for one in self.all]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.all:
            one.__exit__()

    @property
    def target(self):
        return "ipv4:" + ",".join(self.addresses)


def load(bench, target, policy, *words):
    """What `grebe bench` says; None: no such policy."""
    done = subprocess.run(
        [os.path.join(bench.bin, "grebe"), "bench", "--plaintext", "-o", "json",
         "--service-config", service_config(policy), *words, target, METHOD],
        capture_output=True, text=True)
    if "no supported policies" in done.stderr:
        return None
    return json.loads(done.stdout)


def spreading(bench):
    """Shares and latencies over five backends of unequal speed, under the same load."""
    speeds = [CAPACITY * 1000 / ms for ms in DELAYS_MS]
    ideal = [100 * speed / sum(speeds) for speed in speeds]
    rows = []
    with Backends(bench, [("--delay", f"{ms}ms", "--capacity", str(CAPACITY), "--orca",
                           "--orca-interval", "500ms") for ms in DELAYS_MS]) as backends:
        for name, policy in SPREADING.items():
            report = load(bench, backends.target, policy, "-r", str(RATE), "-z",
                          f"{max(4, bench.args.seconds)}s", "--warmup", f"{WARMUP_S}s")
            if report is None:
                continue
            calls = {one["address"]: one["calls"] for one in report["backends"]}
            rows.append({
                "policy": name, "calls": report["calls"], "ok": report["ok"],
                "shares": [100 * calls.get(a, 0) / report["calls"] for a in backends.addresses],
                "p50_ms": report["latency_us"]["p50"] / 1000,
                "p99_ms": report["latency_us"]["p99"] / 1000,
                "is_late": report["generator"]["saturated"]})
    bench.result["spreading"] = {"ideal": ideal, "rows": rows}
    bench.table(
        f"{RATE:,} calls a second over five backends that serve {CAPACITY} calls at once: shares",
        ["policy", *[f"{ms} ms" for ms in DELAYS_MS], "p50 ms", "p99 ms", ""],
        [["(what they can do)", *[f"{share:.1f}%" for share in ideal], "", "", ""],
         *[[r["policy"], *[f"{share:.1f}%" for share in r["shares"]], f"{r['p50_ms']:.1f}",
            f"{r['p99_ms']:.1f}", "client was late" if r["is_late"] else ""] for r in rows]])


INTERVAL_S = 1
FAILING_RATE = 500


def ejection(bench):
    """One of five fails every call: how long until it is left out."""
    policy = {"outlier_detection": {
        "interval": f"{INTERVAL_S}s", "baseEjectionTime": "30s", "maxEjectionPercent": 40,
        "failurePercentageEjection": {"threshold": 50, "enforcementPercentage": 100,
                                      "minimumHosts": 3, "requestVolume": 10},
        "childPolicy": [ROUND_ROBIN]}}
    seconds = 6
    rows = []
    with Backends(bench, [("--fail-rate", "1")] + [()] * 4) as backends:
        for name, tried in (("round_robin", ROUND_ROBIN), ("outlier_detection", policy)):
            report = load(bench, backends.target, tried, "-r", str(FAILING_RATE), "-z",
                          f"{seconds}s")
            if report is None:
                continue
            failed = report["calls"] - report["ok"]
            lasted = failed / (FAILING_RATE / len(backends.all))
            rows.append({"policy": name, "calls": report["calls"], "failed": failed,
                         "intervals": lasted / INTERVAL_S})
    bench.result["ejection"] = rows
    bench.table(
        f"One of five backends fails every call; {FAILING_RATE} calls a second for {seconds} s; "
        f"interval {INTERVAL_S} s",
        ["policy", "calls", "failed", "intervals until it was left out"],
        [[r["policy"], r["calls"], r["failed"],
          "never" if r["intervals"] > 0.9 * seconds / INTERVAL_S else f"{r['intervals']:.1f}"]
         for r in rows])


HASHING = {
    "ring_hash": {"ring_hash": {}},
    "ring_hash, 200 entries each": {"ring_hash": {"entriesPerWeight": 200}},
    "bounded_load_ring_hash": {"bounded_load_ring_hash": {}},
    "maglev": {"maglev": {}},
    "rendezvous": {"rendezvous": {}},
}
N_KEYS = 100


def by_header(policy):
    return {name: {**config, "requestHashHeader": "x-key"} for name, config in policy.items()}


def owners(bench, names, policy):
    """Which backend each key belongs to, asked by a new client each time; None: no such
    policy."""
    found = {}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"endpoints": [{"addresses": [address], "hashKey": name}
                                 for address, name in names.items()]}, file)
        file.flush()
        for i in range(N_KEYS):
            done = subprocess.run(
                [os.path.join(bench.bin, "grebe"), "call", "--plaintext", "-o", "json", "-H",
                 f"x-key: key-{i}", "-d", "x", "--service-config",
                 service_config(by_header(policy)),
                 f"file:{file.name}", METHOD], capture_output=True, text=True)
            if "no supported policies" in done.stderr:
                return None
            found[i] = names[json.loads(done.stdout)["peer"]]
    return found


def moving(bench):
    """One of five backends fails, or leaves the list: how many keys move."""
    rows = []
    for name, policy in HASHING.items():
        with Backends(bench, [()] * 5) as backends:
            names = {address: f"b{i}" for i, address in enumerate(backends.addresses)}
            before = owners(bench, names, policy)
            if before is None:
                continue
            backends.all[2].process.kill()
            backends.all[2].process.wait()
            failed = owners(bench, names, policy)
            left = owners(bench, {a: n for a, n in names.items() if n != "b2"}, policy)
        rows.append({"policy": name,
                     "own": sum(owner == "b2" for owner in before.values()),
                     "failed": sum(before[i] != failed[i] for i in before),
                     "left": sum(before[i] != left[i] for i in before)})
    bench.result["moving"] = rows
    bench.table(
        f"One of five backends fails, then leaves the list: of {N_KEYS} keys",
        ["policy", "were its own", "moved when it failed", "moved when it left"],
        [[r["policy"], r["own"], r["failed"], r["left"]] for r in rows])


LEAVING = (3, 5, 10, 20)
N_KEYS_IN_LAB = 20000
N_WAKING = 1000  # picks: each backend has one of them, which connects it


def owners_in_lab(bench, policy, n):
    """Which of n backends each key belongs to, and which when the one in the middle is no
    longer listed: of `grebe lab`, without sockets."""
    backends = [f"10.0.0.{i}:80" for i in range(1, n + 1)]
    gone = backends[n // 2]
    script = []

    def update(addresses):
        script.append({"do": "update", "config": [by_header(policy)],
                       "endpoints": [{"addresses": [a]} for a in addresses]})

    def pick(count):
        script.extend({"do": "pick", "metadata": {"x-key": f"k{i}"}} for i in range(count))

    update(backends)
    pick(N_WAKING)
    script.extend({"do": "subconn", "address": a, "state": state}
                  for a in backends for state in ("CONNECTING", "READY"))
    pick(N_KEYS_IN_LAB)
    update([a for a in backends if a != gone])
    pick(N_KEYS_IN_LAB)
    done = subprocess.run([os.path.join(bench.bin, "grebe"), "lab"], capture_output=True,
                          input="\n".join(map(json.dumps, script)), text=True, check=True)
    found = {}
    for line in done.stdout.splitlines():
        event = json.loads(line)
        if event["ev"] == "pick" and event["kind"] == "complete":
            found[event["id"]] = event["address"]
    before = [found[N_WAKING + i] for i in range(N_KEYS_IN_LAB)]
    after = [found[N_WAKING + N_KEYS_IN_LAB + i] for i in range(N_KEYS_IN_LAB)]
    return gone, before, after


def leaving(bench):
    """One of several backends leaves the list: its share of the keys, and how many move."""
    rows = []
    for name, policy in HASHING.items():
        row = {"policy": name, "own": {}, "moved": {}}
        for n in LEAVING:
            gone, before, after = owners_in_lab(bench, policy, n)
            row["own"][n] = 100 * before.count(gone) / N_KEYS_IN_LAB
            row["moved"][n] = 100 * sum(map(str.__ne__, before, after)) / N_KEYS_IN_LAB
        rows.append(row)
    bench.result["leaving"] = rows
    bench.table(
        f"One of several backends leaves the list: of {N_KEYS_IN_LAB:,} keys, its own and those "
        "that moved",
        ["policy", *[f"of {n}" for n in LEAVING]],
        [["(1/n + 5 %)", *[f"{100 / n + 5:.1f}%" for n in LEAVING]],
         *[[r["policy"], *[f"{r['own'][n]:.1f}% {r['moved'][n]:.1f}%" for n in LEAVING]]
           for r in rows]])


def policies(bench):
    spreading(bench)
    ejection(bench)
    moving(bench)
    leaving(bench)
