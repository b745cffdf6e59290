'use strict';
// Frames between a Node.js child and the emulator, as fcemu/runtimes/children.py describes them. All of it blocks:
// while this program waits here nothing of it runs, as in an instance that is frozen.

const fs = require('node:fs');
const { BlockingSocket } = require('./node_socket.js');

function readExactly(fd, size) {
  const buffer = Buffer.allocUnsafe(size);
  for (let at = 0; at < size;) {
    const got = fs.readSync(fd, buffer, at, size - at, null);
    if (got === 0) process.reallyExit(0); // the emulator has gone, or does not want this instance any more
    at += got;
  }
  return buffer;
}

function writeAll(fd, buffer) {
  for (let at = 0; at < buffer.length;) {
    try {
      at += fs.writeSync(fd, buffer, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

// A file that this program has inherited.
class Inherited {
  constructor(fd) {
    this.fd = fd;
  }

  read(size) {
    return readExactly(this.fd, size);
  }

  write(buffer) {
    writeAll(this.fd, buffer);
  }
}

// `place`: the number of a descriptor; with a secret, of a port.
class Channel {
  constructor(place, secret) {
    this.end = secret ? new BlockingSocket(place, secret) : new Inherited(place);
  }

  send(header, body = Buffer.alloc(0)) {
    const head = Buffer.from(JSON.stringify(header));
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32BE(head.length, 0);
    lengths.writeUInt32BE(body.length, 4);
    this.end.write(Buffer.concat([lengths, head, body]));
  }

  receive() {
    const lengths = this.end.read(8);
    const header = JSON.parse(this.end.read(lengths.readUInt32BE(0)).toString());
    return { header, body: this.end.read(lengths.readUInt32BE(4)) };
  }
}

module.exports = { Channel, writeAll };
