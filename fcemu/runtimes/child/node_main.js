'use strict';
// The program of a Node.js child: runs attempts of one function, on virtual time.
//
// node node_main.js CODE MODERN DEBUG CHANNEL DIAL, where DEBUG is a port or empty. CHANNEL and DIAL are descriptors;
// where FCEMU_SECRET is set, a port and the name of a file.
//
// The channel does not belong to the event loop, so the loop is empty exactly when nothing but timers is left to wait
// for. Then Node says `beforeExit`, and this program parks until the next timer, or waits for the next attempt.

const fs = require('node:fs');
const path = require('node:path');
const { Channel } = require('./node_channel.js');
const time = require('./node_time.js');
const output = require('./node_output.js');
const { Loader } = require('./node_loading.js');
const http = require('./node_http.js');
const preinstalled = require('./node_preinstalled.js');
const { waitForDebugger } = require('./node_debugger.js');

const [code, modern, debugPort, channelAt, dialAt] = process.argv.slice(2);
const secret = process.env.FCEMU_SECRET;
delete process.env.FCEMU_SECRET;
const channel = new Channel(Number(channelAt), secret);
const MODERN = modern === 'modern';
process.argv.splice(1, process.argv.length, path.join(code, 'index.js'));

// Elsewhere than on Linux, the clock of Node.js may be another one than that of the emulator's Python.
function openedDial() {
  if (!secret) return new time.Dial(Number(dialAt));
  const ahead = time.realHrtime() - channel.end.read(8).readBigInt64LE();
  const isSame = ahead < 1_000_000_000n && ahead > -1_000_000_000n;
  return new time.Dial(fs.openSync(dialAt, 'r'), isSame ? 0n : ahead);
}

const MOST_BYTES = 32 << 20; // RESULT_BYTES of core/output.py

let awaitsDebugger = debugPort !== '';
let attempt = null; // what runs now; null between two attempts
let parks = 0;
let parked = null; // {number, due}: the emulator lets time pass although something real is still going on
let quietSince = 0n;
let eventsSeen = 0;
let looking = null;

const timers = time.install(openedDial(), sleepHere);
const logger = output.install(() => attempt?.header.context.requestId ?? '');
const loader = new Loader(code, MODERN);
preinstalled.install();

// Waiting.

function park(seconds, real) {
  parks += 1;
  channel.send({ kind: 'park', number: parks, seconds, real });
  return parks;
}

// Wait until the emulator says that the wait is over: true, or that the attempt is. What is left of earlier waits means
// nothing.
function untilWoken(number) {
  for (;;) {
    const { header } = channel.receive();
    if (header.kind === 'woken' && header.number === number) return true;
    if (header.kind === 'abandon') return false;
  }
}

function sleepHere(seconds) {
  goOn();
  if (!untilWoken(park(seconds, false))) process.reallyExit(1); // nothing ends what calls it
}

function secondsUntil(timer) {
  return timer ? Math.max(timer.due - timers.dial.nowUs(), 1) / 1e6 : null;
}

// Nothing is left in the loop.
function idle() {
  if (!attempt) return begin(channel.receive());
  goOn();
  if (timers.runDue()) return undefined;
  const first = attempt.result ? timers.first(true) : timers.first(false);
  if (attempt.result && !first) return end(); // it was to wait for an empty loop
  if (!untilWoken(park(secondsUntil(first), false))) return abandon();
  timers.runDue();
  return undefined;
}

// The attempt is over for the emulator: what of it waits for a timer waits for ever, and a hook may run.
function abandon() {
  timers.forget();
  attempt.result = { header: { kind: 'abandoned' }, body: Buffer.alloc(0) };
  return end();
}

// Something real is going on while a timer waits: look at it from time to time.
function look() {
  if (!attempt) return;
  const now = time.realHrtime();
  const seen = time.events();
  const isBusy = timers.runDue() || (seen !== eventsSeen && time.isAnythingReal());
  eventsSeen = seen;
  if (parked) {
    if (isBusy) goOn();
    return;
  }
  const first = timers.first(true);
  if (isBusy || !first) quietSince = now;
  else if (Number(now - quietSince) >= attempt.header.grace * 1e9) jump(first);
}

function jump(first) {
  const seconds = secondsUntil(first);
  const counts = new Map();
  for (const kind of time.active()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const what = [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
  const text = `the event loop of the handler jumped ${seconds} s ahead over outstanding I/O: ${what}`;
  channel.send({ kind: 'warn', text });
  parked = { number: park(seconds, true), due: first.due };
}

// Whatever this program says next, the emulator must know that it runs again.
function goOn() {
  quietSince = time.realHrtime();
  if (!parked) return;
  const { number, due } = parked;
  parked = null;
  if (timers.dial.nowUs() >= due) untilWoken(number);
  else channel.send({ kind: 'roused', number });
}

timers.changed = () => {
  if (!attempt) return;
  goOn();
  looking ??= time.realSetInterval(look, time.LOOK_EVERY_MS).unref();
};

// Attempts.

function begin({ header, body }) {
  if (header.kind !== 'invoke') return undefined; // left of an earlier wait
  if (awaitsDebugger) {
    awaitsDebugger = false;
    waitForDebugger(Number(debugPort), channel);
  }
  attempt = { header, body, result: null };
  for (const [name, value] of Object.entries(header.environment)) process.env[name] = value;
  quietSince = time.realHrtime();
  if (timers.waiting.length) timers.changed();
  const mine = attempt;
  time.realSetImmediate(() => {
    run(mine).catch((error) => fail(mine, error));
  });
  return undefined;
}

async function run(mine) {
  const { header, body } = mine;
  const handler = await loader.find(header.handler);
  const context = contextOf(mine);
  if (header.seconds !== null) limit(mine, header.seconds);
  if (header.http) return runHttp(mine, handler, context);
  const callback = (error, value) => (error ? fail(mine, error, true) : succeed(mine, value));
  const given = header.type === 'handler' ? [body, context, callback] : [context, callback];
  const returned = handler(...given);
  if (typeof returned?.then !== 'function') return undefined;
  const value = await returned;
  // nodejs16 and older ignore it. A handler that takes a callback may also be async without meaning its value.
  if (MODERN && (value !== undefined || handler.length < given.length)) succeed(mine, value);
  return undefined;
}

// A hook has a time of its own.
function limit(mine, seconds) {
  mine.limit = setTimeout(() => finish(mine, { kind: 'late', broken: true }, Buffer.alloc(0)), seconds * 1000);
}

async function runHttp(mine, handler, context) {
  const request = http.requestOf(mine.header.http, mine.body);
  const response = new http.Response((answer, body) => finish(mine, { kind: 'answered', ...answer }, body));
  await handler(request, response, context);
}

function succeed(mine, value) {
  finish(mine, { kind: 'returned' }, () => payloadOf(value));
}

function payloadOf(value) {
  if (value === null || value === undefined) return Buffer.alloc(0);
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (typeof value === 'object') return Buffer.from(JSON.stringify(value) ?? '');
  return Buffer.from(String(value));
}

function fail(mine, error, handled = false, broken = false) {
  const document = loader.document(error, handled);
  const name = document.errorType ?? 'FunctionHandledError';
  finish(mine, { kind: 'failed', handled, name, broken }, () => Buffer.from(JSON.stringify(document)));
}

// The first outcome counts. It is told in a later turn, so that what is left of this one still runs.
function finish(mine, header, body) {
  if (mine !== attempt || mine.result) return;
  try {
    mine.result = { header, body: typeof body === 'function' ? body() : body };
  } catch (error) {
    fail(mine, error);
    return;
  }
  if (mine.context?.waitsForEmptyEventLoopBeforeCallback) return;
  time.realSetImmediate(() => { if (attempt === mine) end(); });
}

function end() {
  const { result } = attempt;
  goOn();
  clearTimeout(attempt.limit);
  if (looking) time.realClearInterval(looking);
  looking = null;
  attempt = null;
  channel.send(result.header, result.body.subarray(0, MOST_BYTES + 1)); // one more: it is too large
  if (result.header.broken) process.reallyExit(1);
  begin(channel.receive());
}

function contextOf(mine) {
  mine.context = {
    ...mine.header.context,
    logger,
    waitsForEmptyEventLoopBeforeCallback: false,
  };
  return mine.context;
}

// What nobody caught ends the process, after its document.
function crash(error) {
  if (!attempt) process.reallyExit(1);
  if (!attempt.result) fail(attempt, error, false, true);
  attempt.result.header.broken = true;
  end();
}

process.on('uncaughtException', crash);
process.on('beforeExit', idle);
channel.send({ kind: 'started', pid: process.pid });
