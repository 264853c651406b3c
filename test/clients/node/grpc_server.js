// The same as grpc_server.cc, but for reflection.
//
//   node grpc_server.js ECHO_PROTO
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const {clients} = grpc.loadPackageDefinition(loader.loadSync(process.argv[2], {longs: Number, defaults: true}));
let cancelled = 0;

function unary(call, callback) {
  const head = new grpc.Metadata();
  const trailers = new grpc.Metadata();
  for (const name of Object.keys(call.metadata.getMap())) {
    if (!name.startsWith('x-')) continue;
    for (const value of call.metadata.get(name)) {
      head.add(name, value);
      trailers.add('t-' + name, value);
    }
  }
  call.sendMetadata(head);
  callback(null, call.request, trailers);
}

function fail(call, callback) {
  const metadata = new grpc.Metadata();
  metadata.set('details-bin', call.request.details);
  callback({code: call.request.code, details: call.request.message, metadata});
}

function wait(call) {
  call.on('cancelled', () => ++cancelled);
}

function collect(call, callback) {
  const summary = {count: 0, sum: 0};
  call.on('data', (message) => {
    ++summary.count;
    summary.sum += message.number;
  });
  call.on('end', () => callback(null, summary));
}

async function expand(call) {
  const body = Buffer.alloc(100, 'x');
  for (let number = 0; number < call.request.count; ++number) {
    if (!call.write({body, number})) await new Promise((drained) => call.once('drain', drained));
  }
  call.end();
}

// Whoever says "stay" is not done with when it has no more to say, only when it cancels.
function chat(call) {
  let stays = false;
  call.on('cancelled', () => ++cancelled);
  call.on('data', (message) => {
    stays ||= message.body.toString() === 'stay';
    call.write(message);
  });
  call.on('end', () => stays || call.end());
}

const server = new grpc.Server({'grpc.max_receive_message_length': -1});
server.addService(clients.Echo.service, {
  unary, fail, wait, collect, expand, chat,
  cancelled: (call, callback) => callback(null, {count: cancelled, sum: 0}),
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  server.start();
  console.log('listening on ' + port);
});
