'use strict';
// What FC's Node.js runtimes have installed beside Node's own modules, for code that brings none of it: `raw-body`, by
// which HTTP handlers read a request (wire-api §9). Ours is a reader with the same name and arguments.

const Module = require('node:module');

const NAME = 'raw-body';

function failed(message, status, type, more) {
  return Object.assign(new Error(message), { status, statusCode: status, type, ...more });
}

// The whole of a readable stream. `options`: an encoding, or `{encoding, length, limit}`; with `true` as the encoding it is
// utf-8. Gives a Buffer, or text where there is an encoding; to `callback(error, body)` if that is given, else as a promise.
function rawBody(stream, options, callback) {
  if (typeof options === 'function') return rawBody(stream, null, options);
  const { encoding, length, limit } = typeof options === 'object' && options !== null ? options : { encoding: options };
  const reading = read(stream, bytesOf(limit), length === undefined || length === null ? null : Number(length))
    .then((body) => (encoding ? body.toString(encoding === true ? 'utf-8' : encoding) : body));
  if (!callback) return reading;
  reading.then((body) => callback(null, body), callback);
  return undefined;
}

const UNITS = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };

// A number of bytes, also written as `1mb`; null: any.
function bytesOf(limit) {
  if (limit === undefined || limit === null) return null;
  const found = /^\s*([\d.]+)\s*([kmg]?b)?\s*$/i.exec(String(limit));
  return found ? Math.floor(Number(found[1]) * UNITS[(found[2] ?? 'b').toLowerCase()]) : null;
}

async function read(stream, limit, length) {
  if (limit !== null && length !== null && length > limit) throw tooLarge({ expected: length, length, limit });
  const chunks = [];
  let received = 0;
  for await (const chunk of stream) {
    received += Buffer.byteLength(chunk);
    if (limit !== null && received > limit) throw tooLarge({ limit, received });
    chunks.push(Buffer.from(chunk));
  }
  if (length !== null && received !== length) {
    throw failed('request size did not match content length', 400, 'request.size.invalid', { expected: length, length, received });
  }
  return Buffer.concat(chunks);
}

function tooLarge(more) {
  return failed('request entity too large', 413, 'entity.too.large', more);
}

// Let `require('raw-body')` find it where the code has none of its own.
function install() {
  const load = Module._load;
  Module._load = function _load(request, parent, isMain) {
    if (request !== NAME) return load.call(this, request, parent, isMain);
    try {
      return load.call(this, request, parent, isMain);
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND' || !error.message.startsWith(`Cannot find module '${NAME}'`)) throw error;
      return rawBody;
    }
  };
}

module.exports = { install };
