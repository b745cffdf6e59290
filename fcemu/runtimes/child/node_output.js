'use strict';
// What a handler writes: FC's console over a stdout that is written before the next statement runs.

const { Writable } = require('node:stream');
const { format } = require('node:util');
const { writeAll } = require('./node_channel.js');

const WRITE_LIMIT = 128 * 1024; // bytes; what is longer is cut (runtimes §1.8)
const LEVELS = ['debug', 'verbose', 'info', 'warn', 'error'];

class Output extends Writable {
  constructor(fd) {
    super({ decodeStrings: true });
    this.fd = fd;
    this._isStdio = true;
  }

  _write(chunk, encoding, done) {
    writeAll(this.fd, chunk.subarray(0, WRITE_LIMIT));
    done();
  }

  _destroy(error, done) {
    done(error); // stays open, like Node's own
  }
}

// `requestId` tells which request is served now. Returns what `context.logger` is.
function install(requestId) {
  for (const [name, fd] of [['stdout', 1], ['stderr', 2]]) {
    const value = new Output(fd);
    Object.defineProperty(process, name, { value, configurable: true, enumerable: true, writable: true });
  }
  let least = 0;
  const logger = {
    setLogLevel(level) {
      const found = LEVELS.indexOf(String(level).toLowerCase());
      if (found >= 0) least = found;
    },
  };
  const methods = { log: 'verbose', info: 'info', warn: 'warn', error: 'error', debug: 'debug' };
  for (const [name, level] of Object.entries(methods)) {
    logger[name] = (...args) => {
      if (LEVELS.indexOf(level) < least) return;
      const text = format(...args).replace(/\r?\n/g, '\r');
      process.stdout.write(`${new Date().toISOString()} ${requestId()} [${level}] ${text}\n`);
    };
  }
  Object.assign(console, logger);
  Object.assign(console, stopwatches());
  return logger;
}

// console.time and its like, which Node measures with a clock that cannot be replaced.
function stopwatches() {
  const started = new Map();
  const say = (label, rest) => {
    if (!started.has(label)) return process.emitWarning(`No such label '${label}' for console.timeEnd()`);
    console.log(`${label}: ${(performance.now() - started.get(label)).toFixed(3)}ms`, ...rest);
  };
  return {
    time(label = 'default') { started.set(`${label}`, performance.now()); },
    timeLog(label = 'default', ...rest) { say(`${label}`, rest); },
    timeEnd(label = 'default') { say(`${label}`, []); started.delete(`${label}`); },
  };
}

module.exports = { install };
