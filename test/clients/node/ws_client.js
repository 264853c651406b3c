// Speaks WebSocket with ws_server.js in each way.
//
//   node ws_client.js URL [CA_FILE]
'use strict';
const assert = require('assert');
const fs = require('fs');
const {once} = require('events');
const WebSocket = require('ws');

const [url, authority] = process.argv.slice(2);
const options = authority ? {ca: fs.readFileSync(authority)} : {};

async function open(more = {}) {
  const socket = new WebSocket(url, {...options, ...more});
  await once(socket, 'open');
  return socket;
}

async function comesBack(socket, data, send = {}) {
  socket.send(data, send);
  const [got, binary] = await once(socket, 'message');
  assert.strictEqual(binary, Buffer.isBuffer(data));
  assert(got.equals(Buffer.from(data)));
}

const scenarios = {
  async text() {
    await comesBack(await open(), 'h\u00e9llo');
  },
  async binary() {
    await comesBack(await open(), Buffer.alloc(5_000_000, 'b'));
  },
  async deflated() {
    const socket = await open({perMessageDeflate: {threshold: 0}});
    assert.strictEqual(socket.extensions, 'permessage-deflate');
    await comesBack(socket, 'x'.repeat(100_000));
  },
  async plain() {
    const socket = await open({perMessageDeflate: false});
    assert.strictEqual(socket.extensions, '');
    await comesBack(socket, 'x'.repeat(100_000));
  },
  async fragments() {
    const socket = await open();
    socket.send('a', {fin: false});
    socket.send('b', {fin: false});
    socket.send('c', {fin: true});
    const [got] = await once(socket, 'message');
    assert.strictEqual(got.toString(), 'abc');
  },
  async pings() {
    const socket = await open();
    socket.ping('are you there');
    const [data] = await once(socket, 'pong');
    assert.strictEqual(data.toString(), 'are you there');
  },
  async many() {
    const socket = await open();
    let got = 0;
    const all = new Promise((resolve, reject) => socket.on('message', (data) => {
      if (Number(data) !== got++) reject(new Error('out of order'));
      if (got === 5000) resolve();
    }));
    for (let i = 0; i < 5000; ++i) socket.send(String(i));
    await all;
  },
  async close() {
    const socket = await open();
    socket.close(4321, 'enough');
    const [code, reason] = await once(socket, 'close');
    assert.deepStrictEqual([code, reason.toString()], [4321, 'enough']);
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
  process.exit(0);
})();
