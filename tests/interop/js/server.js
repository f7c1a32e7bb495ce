#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0

// The grpc-js peer of the interop tests; ../README.md is its contract.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { parseArgs } = require("node:util");
const { createRequire } = require("node:module");

// Installed into the build tree, so found from where the test runs.
const requireBuilt = createRequire(path.join(process.cwd(), "server.js"));
const grpc = requireBuilt("@grpc/grpc-js");
const { HealthImplementation } = requireBuilt("grpc-health-check");

const { values: flags } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    name: { type: "string", default: "" },
    cert: { type: "string" },
    key: { type: "string" },
    "client-ca": { type: "string" },
    "max-age": { type: "string" },
    health: { type: "boolean", default: false },
    orca: { type: "boolean", default: false },
  },
});

const stats = { calls: 0, slow: 0, cancelled: 0, deadline_ms: 0 };

const health = new HealthImplementation({ "": "SERVING", "grebe.test.Echo": "SERVING" });
const load = new grpc.ServerMetricRecorder();

const first = (call, key) => call.metadata.get(key)[0];

// Each calls back with (error, response), once.
const methods = {
  Unary: (call, done) => done(null, call.request),
  Fail: (call, done) =>
    done({
      code: Number(first(call, "x-code")),
      details: first(call, "x-message-bin").toString("utf8"),
    }),
  Slow: (call, done) => {
    stats.slow++;
    if (call.getDeadline() !== Infinity) {
      stats.deadline_ms = Math.round(Number(call.getDeadline()) - Date.now());
    }
    const timer = setTimeout(() => done(null, call.request), Number(first(call, "x-ms")));
    call.on("cancelled", () => {
      clearTimeout(timer);
      stats.cancelled++;
    });
  },
  Big: (call, done) => done(null, Buffer.alloc(Number(first(call, "x-size")))),
  Who: (call, done) => done(null, Buffer.from(flags.name)),
  SetHealth: (call, done) => {
    health.setStatus("grebe.test.Echo", first(call, "x-status"));
    done(null, call.request);
  },
  Load: (call, done) => {
    const recorder = call.getMetricsRecorder();
    eachValue(first(call, "x-load"), {
      cpu: (value) => recorder.recordCPUUtilizationMetric(value),
      mem: (value) => recorder.recordMemoryUtilizationMetric(value),
      app: (value) => recorder.recordApplicationUtilizationMetric(value),
      qps: (value) => recorder.recordQpsMetric(value),
      eps: (value) => recorder.recordEpsMetric(value),
      util: (value, name) => recorder.recordUtilizationMetric(name, value),
      named: (value, name) => recorder.recordNamedMetric(name, value),
      cost: (value, name) => recorder.recordRequestCostMetric(name, value),
    });
    done(null, call.request);
  },
  SetLoad: (call, done) => {
    eachValue(first(call, "x-load"), {
      cpu: (value) => load.setCpuUtilizationMetric(value),
      app: (value) => load.setApplicationUtilizationMetric(value),
      qps: (value) => load.setQpsMetric(value),
      eps: (value) => load.setEpsMetric(value),
      util: (value, name) => load.putUtilizationMetric(name, value),
    });
    done(null, call.request);
  },
  Stats: (call, done) => done(null, Buffer.from(JSON.stringify(stats))),
};

// Hands each value of "cpu=0.5,named.queue=-3" to the setter of its kind.
function eachValue(text, setters) {
  for (const one of text.split(",")) {
    const [name, value] = one.split("=");
    const [kind, member] = name.split(".");
    setters[kind](Number(value), member);
  }
}

// What is the same for every method.
function handle(answer, call, callback) {
  const trailers = new grpc.Metadata();
  stats.calls++;
  if (first(call, "x-echo") !== undefined) {
    const headers = new grpc.Metadata();
    headers.set("x-echo", first(call, "x-echo"));
    call.sendMetadata(headers);
  }
  if (first(call, "x-echo-bin") !== undefined) {
    trailers.set("x-echo-bin", first(call, "x-echo-bin"));
  }
  answer(call, (error, response) => {
    if (error) {
      callback({ ...error, metadata: trailers });
    } else {
      callback(null, response, trailers);
    }
  });
}

// A service without a .proto file: messages are buffers and stay what they are.
function service() {
  const same = (message) => message;
  const definition = {};
  const implementation = {};
  for (const [name, answer] of Object.entries(methods)) {
    definition[name] = {
      path: `/grebe.test.Echo/${name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    implementation[name] = (call, callback) => handle(answer, call, callback);
  }
  return [definition, implementation];
}

function credentials() {
  if (!flags.cert) {
    return grpc.ServerCredentials.createInsecure();
  }
  const clientCa = flags["client-ca"] ? fs.readFileSync(flags["client-ca"]) : null;
  const pair = {
    private_key: fs.readFileSync(flags.key),
    cert_chain: fs.readFileSync(flags.cert),
  };
  return grpc.ServerCredentials.createSsl(clientCa, [pair], clientCa !== null);
}

const options = {
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
};
if (flags.orca) {
  options["grpc.server_call_metric_recording"] = 1;
}
if (flags["max-age"]) {
  options["grpc.max_connection_age_ms"] = Number(flags["max-age"]);
}
const server = new grpc.Server(options);
server.addService(...service());
if (flags.health) {
  health.addToServer(server);
}
if (flags.orca) {
  load.addToServer(server);
}
server.bindAsync(`127.0.0.1:${flags.port}`, credentials(), (error, port) => {
  if (error) {
    console.error(error.message);
    process.exit(1);
  }
  console.log(`listening 127.0.0.1:${port}`);
});
process.on("SIGTERM", () => server.tryShutdown(() => process.exit(0)));
