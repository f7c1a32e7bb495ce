#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The grpcio peer of the interop tests; ../README.md is its contract."""

import argparse
import json
import signal
import threading
from concurrent import futures

import grpc

CODES = {code.value[0]: code for code in grpc.StatusCode}
NO_DEADLINE_S = 1e9  # grpcio calls a missing deadline a very late one
GRACE_S = 30  # for calls in flight at SIGTERM


class Health(grpc.GenericRpcHandler):
    """grpc.health.v1.Health/Watch; grpcio's own service for it is a package apart."""

    SERVICE = b"grebe.test.Echo"
    STATUS = {"UNKNOWN": b"", "SERVING": b"\x08\x01", "NOT_SERVING": b"\x08\x02"}
    SERVICE_UNKNOWN = b"\x08\x03"

    def __init__(self):
        self.changed = threading.Condition()
        self.status = self.STATUS["SERVING"]

    def set(self, name):
        with self.changed:
            self.status = self.STATUS[name]
            self.changed.notify_all()

    def service(self, details):
        if details.method != "/grpc.health.v1.Health/Watch":
            return None
        return grpc.unary_stream_rpc_method_handler(self.watch)

    def watch(self, request, context):
        def status():
            return self.status if request[2:] == self.SERVICE else self.SERVICE_UNKNOWN

        context.add_callback(self.wake)
        told = None
        while context.is_active():
            with self.changed:
                self.changed.wait_for(
                    lambda: status() != told or not context.is_active())
                told = status()
            yield told

    def wake(self):
        with self.changed:
            self.changed.notify_all()


class Echo(grpc.GenericRpcHandler):
    """Serves every method.  Without serializers, messages are bytes."""

    def __init__(self, name, health):
        self.name = name
        self.health = health
        self.lock = threading.Lock()
        self.stats = {"calls": 0, "slow": 0, "cancelled": 0, "deadline_ms": 0}

    def service(self, details):
        method = details.method.rsplit("/", 1)[-1].lower()
        answer = getattr(self, "do_" + method, None)
        if answer is None:
            return None  # UNIMPLEMENTED
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self.handle(answer, request, context)
        )

    def handle(self, answer, request, context):
        metadata = dict(context.invocation_metadata())
        with self.lock:
            self.stats["calls"] += 1
        if "x-echo" in metadata:
            context.send_initial_metadata((("x-echo", metadata["x-echo"]),))
        if "x-echo-bin" in metadata:
            context.set_trailing_metadata((("x-echo-bin", metadata["x-echo-bin"]),))
        return answer(request, metadata, context)

    def do_unary(self, request, metadata, context):
        return request

    def do_fail(self, request, metadata, context):
        context.abort(CODES[int(metadata["x-code"])], metadata["x-message-bin"].decode())

    def do_slow(self, request, metadata, context):
        over = threading.Event()
        with self.lock:
            self.stats["slow"] += 1
            if context.time_remaining() < NO_DEADLINE_S:
                self.stats["deadline_ms"] = int(context.time_remaining() * 1000)
        context.add_callback(over.set)
        if over.wait(int(metadata["x-ms"]) / 1000):
            with self.lock:
                self.stats["cancelled"] += 1
        return request

    def do_big(self, request, metadata, context):
        return bytes(int(metadata["x-size"]))

    def do_who(self, request, metadata, context):
        return self.name.encode()

    def do_sethealth(self, request, metadata, context):
        self.health.set(metadata["x-status"])
        return request

    def do_stats(self, request, metadata, context):
        with self.lock:
            return json.dumps(self.stats).encode()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def credentials(args):
    client_ca = read(args.client_ca) if args.client_ca else None
    return grpc.ssl_server_credentials(
        [(read(args.key), read(args.cert))], client_ca, client_ca is not None
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--name", default="")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--client-ca")
    parser.add_argument("--max-age", type=int, default=0)
    parser.add_argument("--health", action="store_true")
    args = parser.parse_args()

    options = [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
    ]
    if args.max_age:
        options.append(("grpc.max_connection_age_ms", args.max_age))
    health = Health()
    handlers = [health] * args.health + [Echo(args.name, health)]
    server = grpc.server(
        futures.ThreadPoolExecutor(64), handlers=handlers, options=options
    )
    address = f"127.0.0.1:{args.port}"
    if args.cert:
        port = server.add_secure_port(address, credentials(args))
    else:
        port = server.add_insecure_port(address)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server.start()
    print(f"listening 127.0.0.1:{port}", flush=True)
    stop.wait()
    server.stop(GRACE_S).wait()


if __name__ == "__main__":
    main()
