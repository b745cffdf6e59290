'use strict';
// Node's inspector in an instance: it listens, and waits for a client before any of the handler's code is loaded.

const inspector = require('node:inspector');
const { Worker } = require('node:worker_threads');

// This process must not outlive the emulator, and while it waits it does not see that its channel has ended.
const WATCH = `
  const { workerData } = require('node:worker_threads');
  setInterval(() => { if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL'); }, 500);
`;
const emulator = process.ppid;

function waitForDebugger(port, channel) {
  try {
    inspector.open(port, '127.0.0.1');
  } catch (error) {
    channel.send({ kind: 'warn', text: `nothing is debugged: ${error.message}` });
    channel.send({ kind: 'debugged' });
    return;
  }
  channel.send({ kind: 'warn', text: `waits for the client of a debugger at 127.0.0.1:${port}` });
  const watch = new Worker(WATCH, { eval: true, workerData: emulator });
  inspector.waitForDebugger();
  watch.terminate();
  channel.send({ kind: 'debugged' });
}

module.exports = { waitForDebugger };
