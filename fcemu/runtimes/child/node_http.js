'use strict';
// The request and response objects of HTTP handlers of FC 2.0 (runtimes §3.4).

const { Readable } = require('node:stream');

const STREAM_LIMIT = 16 * 1024 * 1024; // bytes of a response that is a stream

// A readable stream of the body, with the request's parts as attributes.
function requestOf(parts, body) {
  const request = Readable.from(body.length ? [body] : [], { objectMode: false });
  const headers = Object.fromEntries(Object.entries(parts.headers).map(([name, value]) => [name.toLowerCase(), value]));
  return Object.assign(request, {
    method: parts.method,
    path: parts.path,
    url: parts.url,
    headers,
    queries: parts.queries,
    clientIP: parts.clientIP,
    body,
    getHeader: (name) => headers[String(name).toLowerCase()],
  });
}

class Response {
  // `answer(parts, body)` is called once.
  constructor(answer) {
    this.answer = answer;
    this.statusCode = 200;
    this.headers = new Map();
    this.sent = false;
  }

  setStatusCode(status) {
    if (!Number.isInteger(status)) throw new TypeError('statusCode must be an integer');
    this.statusCode = status;
  }

  setHeader(name, value) {
    if (typeof name !== 'string') throw new TypeError('header name must be a string');
    const values = Array.isArray(value) ? value : [value];
    if (!values.every((one) => typeof one === 'string')) {
      throw new TypeError('header value must be a string or an array of strings');
    }
    this.headers.set(name.toLowerCase(), { name, values });
  }

  hasHeader(name) {
    return this.headers.has(String(name).toLowerCase());
  }

  deleteHeader(name) {
    this.headers.delete(String(name).toLowerCase());
  }

  send(data) {
    if (this.sent) throw new Error('send can be called only once');
    if (data instanceof Readable) {
      this.sent = true;
      this.gather(data);
      return;
    }
    if (typeof data !== 'string' && !Buffer.isBuffer(data)) {
      throw new TypeError('data must be a string, a Buffer or a stream.Readable');
    }
    this.sent = true;
    this.finish(Buffer.from(data));
  }

  gather(stream) {
    const chunks = [];
    let size = 0;
    stream.on('data', (chunk) => {
      chunks.push(Buffer.from(chunk));
      size += chunk.length;
      if (size > STREAM_LIMIT) stream.destroy(new Error('the response stream is longer than 16 MB'));
    });
    stream.on('end', () => this.finish(Buffer.concat(chunks)));
    stream.on('error', (error) => { throw error; });
  }

  finish(body) {
    const headers = [...this.headers.values()].flatMap(({ name, values }) => values.map((value) => [name, value]));
    this.answer({ statusCode: this.statusCode, headers }, body);
  }
}

module.exports = { Response, requestOf };
