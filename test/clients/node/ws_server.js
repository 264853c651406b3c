// A WebSocket server that sends back what it gets, and closes with the code that it is closed with.
'use strict';
const {WebSocketServer} = require('ws');

const server = new WebSocketServer({host: '127.0.0.1', port: 0, perMessageDeflate: true});
server.on('connection', (socket) => {
  socket.on('message', (data, binary) => socket.send(data, {binary}));
});
server.on('listening', () => console.log('listening on ' + server.address().port));
