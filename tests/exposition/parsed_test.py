#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The exposition of a memory recorder, read by the parsers of Prometheus' Python client: the
text format 0.0.4 and OpenMetrics 1.0, the latter of which is strict."""

import subprocess
import sys

try:
    from prometheus_client.openmetrics import parser as openmetrics
    from prometheus_client import parser as prometheus
except ImportError:
    print("skipped: no python3-prometheus-client")
    sys.exit(77)

SAMPLE = sys.argv[1]
ODD = 'a\\b "c"\nd \u00e9,{}= \ufffd'
HELP = 'A "quoted" word, a \\ and\na second line'
BUCKETS = {
    -1.0: 1, 0.0: 2, 0.00001: 3, 0.065: 3, 1.0: 4, 1048576.0: 5, 4294967296.0: 5,
    float("inf"): 6,
}


def parse(parser, *arguments):
    text = subprocess.run([SAMPLE, *arguments], capture_output=True, check=True).stdout.decode()
    return {family.name: family for family in parser.text_string_to_metric_families(text)}


def check(families, has_units):
    types = {name: family.type for name, family in families.items()}
    assert types == {
        "test_calls": "counter",
        "test_traffic_bytes": "counter",
        "test_open": "gauge",
        "test_level_ratio": "gauge",
        "test_time_seconds": "histogram",
    }, types
    units = {name: family.unit for name, family in families.items() if family.unit}
    wanted = {"test_traffic_bytes": "bytes", "test_time_seconds": "seconds",
              "test_level_ratio": "ratio"}
    assert units == (wanted if has_units else {}), units
    assert families["test_calls"].documentation == HELP, families["test_calls"].documentation

    samples = {
        (sample.name, sample.labels["test_text"], sample.labels.get("le")): sample.value
        for family in families.values() for sample in family.samples
    }
    assert {sample.labels["grpc_target"] for family in families.values()
            for sample in family.samples} == {"dns:///host:443"}
    assert samples.pop(("test_calls_total", "plain", None)) == 9007199254740992
    assert samples.pop(("test_calls_total", ODD, None)) == 1
    assert samples.pop(("test_calls_total", "", None)) == 0
    assert samples.pop(("test_traffic_bytes_total", "x", None)) == 4096
    assert samples.pop(("test_open", "x", None)) == -2
    assert samples.pop(("test_level_ratio", "x", None)) == 0.1 + 0.2
    # OpenMetrics has no sum, and so no count, where a bucket may hold what is negative.
    sums = (None, None) if has_units else (-3 + 0.00001 + 0.5 + 2 + 1e12, 6)
    assert samples.pop(("test_time_seconds_sum", "x", None), None) == sums[0]
    assert samples.pop(("test_time_seconds_count", "x", None), None) == sums[1]
    buckets = {float(le): value for (name, _, le), value in samples.items()}
    assert buckets == BUCKETS, buckets
    assert {name for name, _, _ in samples} == {"test_time_seconds_bucket"}


check(parse(prometheus), has_units=False)
check(parse(openmetrics, "openmetrics"), has_units=True)
print("ok: both formats")
