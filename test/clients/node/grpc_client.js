// The same calls as grpc_client.cc.
//
//   node grpc_client.js ECHO_PROTO TARGET [CA_FILE]
'use strict';
const assert = require('assert');
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [proto, target, authority] = process.argv.slice(2);
const {clients} = grpc.loadPackageDefinition(loader.loadSync(proto, {longs: Number, defaults: true}));
const credentials = authority ?
    grpc.credentials.createSsl(fs.readFileSync(authority)) : grpc.credentials.createInsecure();
const stub = new clients.Echo(target, credentials, {
  'grpc.max_receive_message_length': -1,
  'grpc.keepalive_time_ms': 50,
});

// {response, head, trailers}; rejects with the status.
function call(method, request, metadata = new grpc.Metadata(), options = {}) {
  return new Promise((resolve, reject) => {
    const result = {};
    stub[method](request, metadata, options, (error, response) => {
      if (error) return reject(error);
      result.response = response;
      if (result.trailers) resolve(result);
    }).on('metadata', (head) => result.head = head).on('status', (status) => {
      result.trailers = status.metadata;
      if (result.response) resolve(result);
    });
  });
}

async function statusOf(promise) {
  try {
    await promise;
  } catch (status) {
    return status;
  }
  return {code: 0};
}

async function cancelledCalls() {
  return (await call('cancelled', {})).response.count;
}

async function waitForCancelled(count) {
  while (await cancelledCalls() < count) await new Promise((then) => setTimeout(then, 5));
}

// Each message that comes back, in turn.
class Conversation {
  constructor() {
    this.stream = stub.chat();
    this.messages = this.stream[Symbol.asyncIterator]();
  }
  async pingPong(number, body = 'ping') {
    this.stream.write({body: Buffer.from(body), number});
    assert.strictEqual((await this.messages.next()).value.number, number);
  }
  async end() {
    this.stream.end();
    assert((await this.messages.next()).done);
  }
}

const scenarios = {
  async unary() {
    const {response} = await call('unary', {body: Buffer.from('hello'), number: 7});
    assert.deepStrictEqual(response, {body: Buffer.from('hello'), number: 7});
  },

  async metadata() {
    const sent = new grpc.Metadata();
    sent.add('x-text', 'a b');
    sent.add('x-many', '1');
    sent.add('x-many', '2');
    sent.add('x-data-bin', Buffer.from([...Array(256).keys()]));
    const {head, trailers} = await call('unary', {}, sent);
    // Values of one name may be joined on the way.
    const values = (metadata, name) => name.endsWith('-bin') ? metadata.get(name) :
        metadata.get(name).flatMap((value) => value.split(/, ?/));
    for (const name of Object.keys(sent.getMap())) {
      assert.deepStrictEqual(values(head, name), sent.get(name));
      assert.deepStrictEqual(values(trailers, 't-' + name), sent.get(name));
    }
  },

  async errors() {
    for (let code = 1; code <= 16; ++code) {
      const message = '100%, \u00fc and\nmore';
      const details = Buffer.from([0, 255]);
      const status = await statusOf(call('fail', {code, message, details}));
      assert.strictEqual(status.code, code);
      assert.strictEqual(status.details, message);
      assert.deepStrictEqual(status.metadata.get('details-bin'), [details]);
    }
  },

  async deadline() {
    const before = await cancelledCalls();
    const start = Date.now();
    const deadline = new Date(start + 1000);
    const status = await statusOf(call('wait', {}, new grpc.Metadata(), {deadline}));
    assert.strictEqual(status.code, grpc.status.DEADLINE_EXCEEDED);
    assert(Date.now() - start >= 990);
    await waitForCancelled(before + 1);
  },

  async big() {
    const body = Buffer.alloc(16 << 20, 'b');
    const {response} = await call('unary', {body});
    assert(response.body.equals(body));
  },

  async upload() {
    const body = Buffer.alloc(100, 'x');
    const summary = await new Promise((resolve, reject) => {
      const stream = stub.collect((error, response) => error ? reject(error) : resolve(response));
      for (let number = 0; number < 10000; ++number) stream.write({body, number});
      stream.end();
    });
    assert.deepStrictEqual(summary, {count: 10000, sum: 49995000});
  },

  async download() {
    let count = 0;
    for await (const message of stub.expand({count: 10000})) {
      assert.strictEqual(message.number, count++);
    }
    assert.strictEqual(count, 10000);
  },

  async chat() {
    const conversation = new Conversation();
    for (let i = 0; i < 300; ++i) await conversation.pingPong(i);
    await conversation.end();
  },

  async cancel() {
    const before = await cancelledCalls();
    const conversation = new Conversation();
    await conversation.pingPong(1, 'stay');
    const ended = new Promise((resolve) => conversation.stream.on('status', resolve));
    conversation.stream.on('error', () => {}).cancel();
    assert.strictEqual((await ended).code, grpc.status.CANCELLED);
    await waitForCancelled(before + 1);
  },

  // While nothing moves, a stream stays.
  async keepalive() {
    const conversation = new Conversation();
    await conversation.pingPong(1);
    await new Promise((then) => setTimeout(then, 1000));
    await conversation.pingPong(2);
    await conversation.end();
  },

  async many() {
    await Promise.all([...Array(400)].map(() => scenarios.unary()));
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
  stub.close();
})();
