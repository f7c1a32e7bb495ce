#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON of channelz, read by protobuf's own parser as messages of grpc.channelz.v1, and
compared with what protobuf would have written for them.

    parsed_test.py SAMPLE PROTOC PROTO_FOLDER
"""

import json
import subprocess
import sys

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
except ImportError:
    print("skipped: no python3-protobuf")
    sys.exit(77)

SAMPLE, PROTOC, PROTO = sys.argv[1:]


def load_messages():
    """{"GetChannelResponse": class}, of the .proto files here."""
    subprocess.run([PROTOC, f"--proto_path={PROTO}", "--include_imports",
                    "--descriptor_set_out=channelz.bin", "grpc/channelz/v1/channelz.proto"],
                   check=True)
    files = descriptor_pb2.FileDescriptorSet()
    with open("channelz.bin", "rb") as file:
        files.ParseFromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return {
        message.name: factory.GetPrototype(
            pool.FindMessageTypeByName(f"grpc.channelz.v1.{message.name}"))
        for file in files.file if file.package == "grpc.channelz.v1"
        for message in file.message_type
    }


MESSAGES = load_messages()


def check(name, said):
    """Strict: a field that does not exist is an error.  And nothing is written otherwise than
    protobuf does it, in names, in what is left out, in the forms of numbers and moments."""
    message = json_format.ParseDict(said, MESSAGES[name]())
    written = json_format.MessageToDict(message)
    assert said == written, f"{name}\n{json.dumps(said)}\n{json.dumps(written)}"
    return message


output = subprocess.run([SAMPLE], capture_output=True, check=True).stdout.decode()
answers = {}
for line in output.splitlines():
    name, text = line.split(" ", 1)
    if name == "all":
        everything = json.loads(text)
    else:
        answers.setdefault(name, []).append(check(name, json.loads(text)))

first, last, none = answers["GetTopChannelsResponse"]
assert [channel.ref.channel_id for channel in first.channel] == [1] and not first.end
assert [channel.ref.channel_id for channel in last.channel] == [8] and last.end
assert not none.channel and none.end

channel = answers["GetChannelResponse"][0].channel
assert channel == first.channel[0]
assert channel.ref.name == channel.data.target == "dns:///h\u00f6st"
assert channel.data.calls_started == 2**63 - 1
assert channel.data.calls_succeeded == 2**53 + 1
assert channel.data.last_call_started_timestamp.ToJsonString() == "2026-01-02T03:04:05.123456789Z"
assert channel.data.max_connections_per_subchannel == 10
assert [ref.channel_id for ref in channel.channel_ref] == [2]
assert [ref.subchannel_id for ref in channel.subchannel_ref] == [3]
events = channel.data.trace.events
assert [event.severity for event in events[1:5]] == [0, 1, 2, 3]
assert events[1].description == 'A \\ "b" \t\u20ac\ufffd.'
assert {event.WhichOneof("child_ref") for event in events} == {
    None, "channel_ref", "subchannel_ref"}

subchannel = answers["GetSubchannelResponse"][0].subchannel
assert [ref.socket_id for ref in subchannel.socket_ref] == [4, 5, 6, 7]
tcp, local, other, empty = (answer.socket for answer in answers["GetSocketResponse"])
assert tcp.local.tcpip_address.ip_address == bytes([10, 0, 0, 1])
assert tcp.remote.tcpip_address.ip_address == bytes(15) + b"\1"
assert tcp.data.remote_flow_control_window.value == -21
assert tcp.data.received_goaway_error.value == 0 and tcp.data.HasField("received_goaway_error")
assert tcp.data.peer_max_concurrent_streams.value == 2**32 - 1
assert tcp.security.tls.standard_name == "TLS_AES_128_GCM_SHA256"
assert local.remote.uds_address.filename == '/run/s "q"' and not local.HasField("local")
assert local.data.received_goaway_error.value == 11
assert other.remote.other_address.name == "through a proxy" and not other.HasField("security")
assert not empty.data.HasField("received_goaway_error") and not empty.HasField("remote")

ids = {
    name.lower(): [getattr(check(name, one).ref, f"{name.lower()}_id")
                   for one in everything.pop(name.lower())]
    for name in ("Channel", "Subchannel", "Socket")
}
assert ids == {"channel": [1, 8, 2], "subchannel": [3], "socket": [4, 5, 6, 7]}, ids
assert not everything
print("ok: all messages")
