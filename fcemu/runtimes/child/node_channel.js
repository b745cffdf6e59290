'use strict';
// Frames between a Node.js child and the emulator, as fcemu/runtimes/children.py describes them. All of it blocks:
// while this program waits here nothing of it runs, as in an instance that is frozen.

const fs = require('node:fs');

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

class Channel {
  constructor(fd) {
    this.fd = fd;
  }

  send(header, body = Buffer.alloc(0)) {
    const head = Buffer.from(JSON.stringify(header));
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32BE(head.length, 0);
    lengths.writeUInt32BE(body.length, 4);
    writeAll(this.fd, Buffer.concat([lengths, head, body]));
  }

  receive() {
    const lengths = readExactly(this.fd, 8);
    const header = JSON.parse(readExactly(this.fd, lengths.readUInt32BE(0)).toString());
    return { header, body: readExactly(this.fd, lengths.readUInt32BE(4)) };
  }
}

module.exports = { Channel, writeAll };
