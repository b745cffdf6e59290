'use strict';
// A socket to a port of this machine that blocks the thread which reads and writes, as Node.js has none itself. A worker
// does what is asked: the socket belongs to its event loop. Between two calls nothing of it reaches the loop of others.

const net = require('node:net');
const { MessageChannel, Worker, isMainThread, receiveMessageOnPort, workerData } = require('node:worker_threads');

const wait = Atomics.wait; // the real one

class BlockingSocket {
  // Connects, and says `secret` first.
  constructor(port, secret) {
    const { port1: here, port2: there } = new MessageChannel();
    this.port = here;
    this.answered = new Int32Array(new SharedArrayBuffer(4));
    const told = { worksFor: 'a blocking socket', port, secret, there, answered: this.answered };
    new Worker(__filename, { workerData: told, transferList: [there] }).unref();
    this.answer(0);
  }

  answer(before) {
    for (;;) {
      const found = receiveMessageOnPort(this.port);
      if (found) return found.message;
      wait(this.answered, 0, before);
    }
  }

  ask(message) {
    const before = Atomics.load(this.answered, 0);
    this.port.postMessage(message);
    return this.answer(before);
  }

  read(size) {
    return Buffer.from(size ? this.ask({ size }) : []);
  }

  write(buffer) {
    this.ask({ bytes: buffer });
  }
}

function serve({ port, secret, there, answered }) {
  let received = Buffer.alloc(0);
  let wanted = 0;
  const answer = (message) => {
    there.postMessage(message);
    Atomics.add(answered, 0, 1);
    Atomics.notify(answered, 0);
  };
  const give = () => {
    if (!wanted) return;
    if (received.length < wanted) {
      socket.resume();
      return;
    }
    socket.pause();
    const given = received.subarray(0, wanted);
    received = received.subarray(wanted);
    wanted = 0;
    answer(new Uint8Array(given));
  };
  // The emulator has gone, or does not want this instance any more. `process.exit` would end this thread alone.
  const end = () => process.kill(process.pid, 'SIGKILL');
  const socket = net.connect(port, '127.0.0.1', () => socket.write(secret, () => answer(null)));
  socket.setNoDelay(true);
  socket.on('data', (chunk) => {
    received = received.length ? Buffer.concat([received, chunk]) : chunk;
    give();
  });
  for (const how of ['end', 'error', 'close']) socket.on(how, end);
  there.on('message', ({ size, bytes }) => {
    if (bytes) {
      socket.write(bytes, () => answer(null));
    } else {
      wanted = size;
      give();
    }
  });
}

if (!isMainThread && workerData?.worksFor === 'a blocking socket') serve(workerData);

module.exports = { BlockingSocket };
