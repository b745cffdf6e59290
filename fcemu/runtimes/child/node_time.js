'use strict';
// Virtual time in a Node.js child: everything that reads the time or waits for it asks the clock's dial.
//
// Built in before user code is loaded. What is real on purpose is listed in fcemu/runtimes/known_programs.py.

const fs = require('node:fs');
const { AsyncResource } = require('node:async_hooks');
const { EventEmitter } = require('node:events');
const { performance } = require('node:perf_hooks');
const { promisify } = require('node:util');
const timersModule = require('node:timers');
const timersPromises = require('node:timers/promises');

const RealDate = Date;
const realHrtime = process.hrtime.bigint.bind(process.hrtime);
const realSetInterval = setInterval;
const realClearInterval = clearInterval;
const realSetImmediate = setImmediate;
const LONGEST = 2 ** 31 - 1;
const LOOK_EVERY_MS = 5;
// Real milliseconds between two looks at the loop, while a timer waits beside something real.

// The dial.

// The time that engine/dial.py shows: a count, nanoseconds since 1970 and since the emulator's start, the real ones at
// which they were right, the rate, and the count again.
class Dial {
  // `ahead`: by how many nanoseconds this program's clock shows more than the emulator's.
  constructor(fd, ahead = 0n) {
    this.fd = fd;
    this.ahead = ahead;
    this.page = Buffer.alloc(48);
  }

  read() {
    const page = this.page;
    do fs.readSync(this.fd, page, 0, 48, 0);
    while (page.readBigUInt64LE(0) !== page.readBigUInt64LE(40));
    const rate = page.readDoubleLE(32);
    if (rate === 0) return 0;
    const passed = Number(realHrtime() - this.ahead - page.readBigInt64LE(24));
    return passed > 0 ? passed * rate : 0;
  }

  // Microseconds since 1970: exact in a double until the year 2255.
  nowUs() {
    const passed = this.read();
    return Number(this.page.readBigInt64LE(8) / 1000n) + Math.floor(passed / 1000);
  }

  // Nanoseconds since the emulator's start.
  elapsedNs() {
    const passed = this.read();
    return this.page.readBigInt64LE(16) + BigInt(Math.floor(passed));
  }
}

// Timers.

class Timeout {
  constructor(timers, callback, args, delay, every) {
    this.timers = timers;
    this._onTimeout = callback;
    this.args = args;
    this.delayUs = asDelay(delay) * 1000;
    this.every = every;
    this.isRef = true;
    this.besideReal = false; // without a reference, but what it ends is real
    this.waits = false;
    this.resource = new AsyncResource('Timeout');
    timers.insert(this);
  }

  ref() {
    this.isRef = true;
    this.timers.changed();
    return this;
  }

  unref() {
    this.isRef = false;
    return this;
  }

  hasRef() {
    return this.isRef;
  }

  refresh() {
    this.timers.remove(this);
    this.timers.insert(this);
    return this;
  }

  close() {
    this.timers.clear(this);
    return this;
  }

  [Symbol.toPrimitive]() {
    this.timers.byNumber.set(this.order, this);
    return this.order;
  }

  [Symbol.dispose ?? Symbol.for('nodejs.dispose')]() {
    this.close();
  }
}

function asDelay(delay) {
  const number = delay * 1;
  if (number >= 1 && number <= LONGEST) return Math.trunc(number);
  if (number > LONGEST) {
    const text = `${number} does not fit into a 32-bit signed integer.\nTimeout duration was set to 1.`;
    process.emitWarning(text, 'TimeoutOverflowWarning');
  }
  return 1;
}

// The timers of a child, in the order in which they fall due; equal times keep their order.
class Timers {
  constructor(dial) {
    this.dial = dial;
    this.waiting = [];
    this.byNumber = new Map();
    this.made = 0;
    this.turn = false;
    this.changed = () => {};
  }

  insert(timer) {
    timer.due = this.dial.nowUs() + timer.delayUs;
    timer.order ??= ++this.made;
    timer.sequence = ++this.made;
    timer.waits = true;
    let low = 0;
    let high = this.waiting.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.waiting[middle].due <= timer.due) low = middle + 1;
      else high = middle;
    }
    this.waiting.splice(low, 0, timer);
    this.changed();
  }

  remove(timer) {
    if (!timer.waits) return;
    timer.waits = false;
    this.waiting.splice(this.waiting.indexOf(timer), 1);
  }

  clear(handle) {
    const timer = handle instanceof Timeout ? handle : this.byNumber.get(Number(handle));
    if (!timer) return;
    this.byNumber.delete(timer.order);
    timer.every = false;
    this.remove(timer);
  }

  // Nobody waits for any of them any more.
  forget() {
    for (const timer of [...this.waiting]) this.clear(timer);
  }

  // The first timer that somebody waits for. As FC's runtime keeps the loop alive, one without a reference counts, too;
  // but beside something real only if it is to end that.
  first(besideReal) {
    return this.waiting.find((timer) => !besideReal || timer.isRef || timer.besideReal);
  }

  // Let those that are due run, one a turn of the loop, so that microtasks and immediates come between; whether any is.
  runDue() {
    if (this.turn) return true;
    if (!this.waiting.length || this.waiting[0].due > this.dial.nowUs()) return false;
    this.turn = true;
    realSetImmediate(() => {
      this.turn = false;
      const timer = this.waiting[0];
      if (!timer || timer.due > this.dial.nowUs()) return;
      this.remove(timer);
      if (timer.every) this.insert(timer);
      else this.byNumber.delete(timer.order);
      this.runDue();
      timer.resource.runInAsyncScope(timer._onTimeout, timer, ...timer.args);
    });
    return true;
  }
}

// What replaces Node's own functions.

function replaceTimers(timers) {
  const make = (every) => (callback, delay, ...args) => {
    if (typeof callback !== 'function') {
      const wrong = new TypeError(`The "callback" argument must be of type function. Received ${callback}`);
      wrong.code = 'ERR_INVALID_ARG_TYPE';
      throw wrong;
    }
    return new Timeout(timers, callback, args, delay, every);
  };
  const functions = {
    setTimeout: Object.defineProperty(make(false), 'name', { value: 'setTimeout' }),
    setInterval: Object.defineProperty(make(true), 'name', { value: 'setInterval' }),
    clearTimeout: function clearTimeout(handle) { if (handle != null) timers.clear(handle); },
    clearInterval: function clearInterval(handle) { if (handle != null) timers.clear(handle); },
  };
  Object.assign(globalThis, functions);
  Object.assign(timersModule, functions);
  replacePromises(functions);
  functions.setTimeout[promisify.custom] = timersPromises.setTimeout;

  AbortSignal.timeout = (delay) => {
    const controller = new AbortController();
    const expire = () => controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
    functions.setTimeout(expire, delay).unref().besideReal = true;
    return controller.signal;
  };
}

function replacePromises({ setTimeout, setInterval, clearTimeout, clearInterval }) {
  const aborted = (signal) => {
    const error = new Error('The operation was aborted', { cause: signal.reason });
    return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' });
  };
  const after = (delay, value, options = {}) => new Promise((resolve, reject) => {
    const { signal, ref = true } = options;
    if (signal?.aborted) return reject(aborted(signal));
    const stop = () => { clearTimeout(timer); reject(aborted(signal)); };
    const timer = setTimeout(() => { signal?.removeEventListener('abort', stop); resolve(value); }, delay);
    if (!ref) timer.unref();
    signal?.addEventListener('abort', stop, { once: true });
  });
  timersPromises.setTimeout = after;
  timersPromises.setInterval = async function* ticks(delay, value, options = {}) {
    const { signal, ref = true } = options;
    if (signal?.aborted) throw aborted(signal);
    const ticked = new EventEmitter();
    let missed = 0;
    const timer = setInterval(() => { missed += 1; ticked.emit('tick'); }, delay);
    if (!ref) timer.unref();
    const stop = () => { clearInterval(timer); ticked.emit('tick'); };
    signal?.addEventListener('abort', stop, { once: true });
    try {
      for (;;) {
        if (signal?.aborted) throw aborted(signal);
        if (missed === 0) await new Promise((resolve) => ticked.once('tick', resolve));
        for (; missed > 0; missed -= 1) yield value;
      }
    } finally {
      clearInterval(timer);
      signal?.removeEventListener('abort', stop);
    }
  };
  const scheduler = timersPromises.scheduler;
  if (scheduler) Object.getPrototypeOf(scheduler).wait = (delay, options) => after(delay, undefined, options);
}

function replaceReads(dial) {
  const nowMs = () => Math.floor(dial.nowUs() / 1000);
  RealDate.now = nowMs;
  globalThis.Date = new Proxy(RealDate, {
    construct: (real, args, made) => Reflect.construct(real, args.length ? args : [nowMs()], made),
    apply: (real) => new real(nowMs()).toString(),
  });
  RealDate.prototype.constructor = globalThis.Date;
  const format = Object.getOwnPropertyDescriptor(Intl.DateTimeFormat.prototype, 'format');
  Object.defineProperty(Intl.DateTimeFormat.prototype, 'format', {
    ...format,
    get() {
      const formatted = format.get.call(this);
      return (date) => formatted(date === undefined ? nowMs() : date);
    },
  });
  const toParts = Intl.DateTimeFormat.prototype.formatToParts;
  Intl.DateTimeFormat.prototype.formatToParts = function formatToParts(date) {
    return toParts.call(this, date === undefined ? nowMs() : date);
  };

  // Monotonic time is that of the emulator, plus an hour, so that nothing that is subtracted from it falls below zero.
  const monotonicNs = () => dial.elapsedNs() + 3_600_000_000_000n;
  const hrtime = (before) => {
    const now = monotonicNs();
    let [seconds, rest] = [Number(now / 1_000_000_000n), Number(now % 1_000_000_000n)];
    if (before === undefined) return [seconds, rest];
    seconds -= before[0];
    rest -= before[1];
    return rest < 0 ? [seconds - 1, rest + 1_000_000_000] : [seconds, rest];
  };
  hrtime.bigint = monotonicNs;
  process.hrtime = hrtime;
  const origin = monotonicNs();
  const originMs = dial.nowUs() / 1000;
  const sinceOriginMs = () => Number(monotonicNs() - origin) / 1e6;
  process.uptime = () => sinceOriginMs() / 1000;
  Object.defineProperty(performance, 'now', { value: sinceOriginMs, configurable: true, writable: true });
  Object.defineProperty(performance, 'timeOrigin', { value: originMs, configurable: true });
}

// Waits that block the whole thread.
function replaceWaits(sleep) {
  const realWait = Atomics.wait;
  Atomics.wait = function wait(array, index, value, timeout = Infinity) {
    const others = active().some((kind) => kind === 'Worker' || kind === 'MessagePort');
    if (others || !(timeout > 0) || timeout === Infinity) return realWait(array, index, value, timeout);
    const found = realWait(array, index, value, 0);
    if (found !== 'timed-out') return found;
    sleep(Number(timeout) / 1000);
    return 'timed-out';
  };
}

function install(dial, sleep) {
  const timers = new Timers(dial);
  replaceReads(dial);
  replaceTimers(timers);
  replaceWaits(sleep);
  require('node:module').syncBuiltinESMExports();
  return timers;
}

// What is real and still going on, by Node's own names.
function active() {
  if (process.getActiveResourcesInfo) return process.getActiveResourcesInfo();
  return [...process._getActiveHandles(), ...process._getActiveRequests()].map((one) => one.constructor.name);
}

// Whether the loop waits for anything but its own next turn. In a loop of immediates, Node's own threads cause events.
function isAnythingReal() {
  return active().some((kind) => kind !== 'Immediate');
}

// A number that grows whenever something real has gone on: how many events the loop has had. Older versions of Node do
// not count them; there it is how much was read and written.
function events() {
  const metrics = performance.nodeTiming.uvMetricsInfo;
  if (metrics) return metrics.events;
  return process._getActiveHandles().reduce((sum, each) => sum + (each.bytesRead ?? 0) + (each.bytesWritten ?? 0), 0);
}

module.exports = {
  Dial,
  LOOK_EVERY_MS,
  active,
  isAnythingReal,
  events,
  install,
  realClearInterval,
  realHrtime,
  realSetImmediate,
  realSetInterval,
};
