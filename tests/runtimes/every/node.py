"""The handlers of the contract in JavaScript."""

NODE = {
    "echo": "exports.handler = (event, context, callback) => callback(null, event);",
    "fails": """
        class NoLuck extends Error { get name() { return 'NoLuck'; } }
        exports.handler = async () => {
          process.stdout.write('before\\n');
          throw new NoLuck('not today');
        };
        """,
    "sleeps": """
        exports.handler = (event, context, callback) => {
          setTimeout(() => callback(null, 'woken'), Number(event.toString()) * 1000);
        };
        """,
    "clock": """
        const { setTimeout: sleep } = require('timers/promises');
        const read = () => [Date.now() / 1000, performance.now() / 1000];
        exports.handler = async (event) => {
          const before = read();
          await sleep(Number(event.toString()) * 1000);
          return [before, read()];
        };
        """,
    "meets": """
        const fs = require('fs');
        exports.handler = async (event) => {
          fs.appendFileSync(`${event}.here`, '.');
          const byte = Buffer.alloc(1);
          fs.readSync(fs.openSync(`${event}.go`), byte);
          return byte;
        };
        """,
    "spins": """
        exports.handler = (event, context, callback) => {
          process.stdout.write('spinning\\n');
          while (event.toString() !== 'stop');
          callback(null, 'stopped');
        };
        """,
    "exits": """
        exports.handler = (event, context, callback) => {
          process.stdout.write('leaving\\n');
          if (event.toString() === 'stay') callback(null, 'stayed');
          else process.exit(3);
        };
        """,
    "eats": """
        exports.handler = async (event) => {
          const eaten = [];
          for (let at = 0; at < Number(event.toString()); at += 1) {
            eaten.push(Buffer.alloc(1 << 20, 'x'));
            await new Promise(setImmediate);
          }
          return String(eaten.length);
        };
        """,
    "says": """
        exports.handler = async (event) => {
          process.stdout.write('one\\n');
          process.stderr.write('two\\n');
          process.stdout.write(event);
          process.stdout.write('\\n');
        };
        """,
    "writes": "exports.handler = async (event) => { process.stdout.write('x'.repeat(Number(event.toString()))); };",
    "fills": """
        exports.handler = async (event) => {
          for (let at = 0; at < Number(event.toString()); at += 1) process.stdout.write('y'.repeat(999) + '\\n');
        };
        """,
    "swells": """
        exports.handler = async (event) => {
          const [how, size] = event.toString().split(':');
          if (how === 'fails') throw new Error('z'.repeat(Number(size)));
          return 'z'.repeat(Number(size));
        };
        """,
    "yells": """
        exports.handler = async (event) => {
          const how = { stdio: ['ignore', 'inherit', 'inherit'] };
          if (event.toString() === 'start') require('child_process').spawn('yes', [], how).unref();
          return 'done';
        };
        """,
    "context": """
        exports.handler = async (event, { requestId, function: own, region, accountId }) =>
          [requestId, own.name, own.handler, own.memory, region, accountId];
        """,
    "keys": """
        exports.handler = async (event, { credentials }) => [
          credentials.accessKeyId, credentials.accessKeySecret, credentials.securityToken];
        """,
    "environment": """
        exports.handler = async (event) => JSON.parse(event).map((name) => process.env[name] ?? null);
        """,
    "initializes": """
        let ready = 0;
        exports.initialize = (context, callback) => {
          process.stdout.write(`as ${context.function.handler}\\n`);
          setTimeout(() => { ready += 1; callback(); }, 2000);
        };
        class LookupError extends Error { get name() { return 'LookupError'; } }
        exports.fail = async () => { throw new LookupError('no database'); };
        exports.sleep = (context, callback) => setTimeout(callback, 100_000);
        exports.leave = async () => { process.stdout.write('leaving\\n'); };
        exports.handler = async (event) => {
          process.stdout.write('handling\\n');
          await new Promise((go) => (event.length ? setTimeout(go, Number(event.toString()) * 1000) : go()));
          return String(ready);
        };
        """,
    "counts": """
        let count = 0;
        exports.handler = async () => { count += 1; return String(count); };
        """,
}
