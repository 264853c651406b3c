// Calls clients.Echo as a browser does: by gRPC-Web, over HTTP/1.1 or HTTP/2.
//
//   node grpc_web_client.js URL 1.1|2
'use strict';
const assert = require('assert');
const {MethodKind, proto3, ScalarType} = require('@bufbuild/protobuf');
const {createPromiseClient, Code} = require('@connectrpc/connect');
const {createGrpcWebTransport} = require('@connectrpc/connect-node');

const [baseUrl, httpVersion] = process.argv.slice(2);

function type(name, fields) {
  return proto3.makeMessageType('clients.' + name, () => fields.map(
      ([field, T], i) => ({no: i + 1, name: field, kind: 'scalar', T})));
}
const {BYTES, STRING, UINT32, UINT64} = ScalarType;
const Message = type('Message', [['body', BYTES], ['number', UINT32]]);
const Failure = type('Failure', [['code', UINT32], ['message', STRING], ['details', BYTES]]);
const Summary = type('Summary', [['count', UINT32], ['sum', UINT64]]);
const Echo = {
  typeName: 'clients.Echo',
  methods: {
    unary: {name: 'Unary', I: Message, O: Message, kind: MethodKind.Unary},
    fail: {name: 'Fail', I: Failure, O: Message, kind: MethodKind.Unary},
    wait: {name: 'Wait', I: Message, O: Message, kind: MethodKind.Unary},
    expand: {name: 'Expand', I: Summary, O: Message, kind: MethodKind.ServerStreaming},
  },
};
const client = createPromiseClient(Echo, createGrpcWebTransport({
  baseUrl, httpVersion, nodeOptions: {rejectUnauthorized: false}, idleConnectionTimeoutMs: 1,
}));

const scenarios = {
  async unary() {
    const body = new Uint8Array(1 << 20).fill(98);
    const response = await client.unary({body, number: 7});
    assert(Buffer.from(response.body).equals(Buffer.from(body)));
    assert.strictEqual(response.number, 7);
  },
  async errors() {
    const message = '100%, \u00fc and more';
    await assert.rejects(client.fail({code: 9, message}), (error) =>
        error.code === Code.FailedPrecondition && error.rawMessage === message);
  },
  async deadline() {
    await assert.rejects(client.wait({}, {timeoutMs: 200}), (error) =>
        error.code === Code.DeadlineExceeded);
  },
  async download() {
    let count = 0;
    for await (const message of client.expand({count: 1000})) {
      assert.strictEqual(message.number, count++);
    }
    assert.strictEqual(count, 1000);
  },
};

(async () => {
  for (const [name, run] of Object.entries(scenarios)) {
    try {
      await run();
      console.log(name + ' ok');
    } catch (error) {
      console.log(name + ' FAILED: ' + error);
    }
  }
})();
