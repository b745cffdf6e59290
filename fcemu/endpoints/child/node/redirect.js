// Node.js programs below `fcemu exec --intercept`: their connections to FC's hosts go to the emulator. Without it, those of
// handlers are told of.
//
// NODE_OPTIONS requires this file. Everything that speaks HTTP in Node.js (http, https, fetch, and what is built on them)
// ends in net.Socket.prototype.connect. The certificate is trusted through NODE_EXTRA_CA_CERTS.
'use strict';

const net = require('net');

const target = /^(.*):(\d+)$/.exec(process.env.FCEMU_REDIRECT_TO || '');
const only = 'FCEMU_REDIRECT_ONLY' in process.env;
const plain = '[a-z0-9_-]+';
const regionless = 'fc(?:-internal|-vpc)?\\.aliyuncs\\.com';
const ours = new RegExp(
  `^(?:${plain}\\.${plain}\\.fc\\.aliyuncs\\.com|fc(?:v3)?(?:-internal|-vpc)?\\.${plain}\\.aliyuncs\\.com|${regionless}` +
    `|(?:${plain}\\.)+fcapp\\.run|${plain}\\.mns\\.${plain}\\.aliyuncs\\.com)\\.?$`,
  'i',
);
const withoutRegion = new RegExp(`^${regionless}\\.?$`, 'i');
let warned = false;
const loopback = /^(?:localhost|::1|::|0\.0\.0\.0|(?:::ffff:)?127\..*|)$/i;

if (target) {
  const original = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function connect(...args) {
    // Node calls this with its own normalized [options, callback], programs with options, or with a port and a host.
    const normalized = Array.isArray(args[0]) ? args[0] : net._normalizeArgs(args);
    const [options] = normalized;
    if (options.path || !options.host) return original.apply(this, args);
    if (ours.test(options.host)) {
      // ASSUMED: no FC answers there. All endpoints that its documents name have a region in them.
      if (!warned && withoutRegion.test(options.host)) {
        warned = true;
        process.emitWarning(
          `${options.host} has no region in its name, and comes to the emulator only: an SDK that is given regionId and no ` +
            'endpoint makes this name. Give it FC\'s endpoint, such as fcv3.cn-hangzhou.aliyuncs.com',
          'FcemuWarning',
        );
      }
      const there = { ...options, host: target[1], port: Number(target[2]), lookup: undefined };
      normalized[0] = there;
    } else if (only && !loopback.test(options.host)) {
      const refused = new Error(`--intercept-only refuses connections to ${options.host}`);
      refused.code = 'ECONNREFUSED';
      process.nextTick(() => this.destroy(refused));
      return this;
    }
    return original.call(this, normalized);
  };
} else if ('FCEMU_REDIRECT_WARN' in process.env) {
  // A handler of `fcemu serve` or `fcemu exec` without --intercept: calls that reach FC itself are told of, once a host.
  const told = new Set();
  const original = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function connect(...args) {
    const [options] = Array.isArray(args[0]) ? args[0] : net._normalizeArgs(args);
    if (options.host && ours.test(options.host) && !told.has(options.host)) {
      told.add(options.host);
      process.stderr.write(
        `fcemu: warning: a handler calls ${options.host}, which is not intercepted: that is FC itself. ` +
          '--intercept leads such calls here\n',
      );
    }
    return original.apply(this, args);
  };
}
