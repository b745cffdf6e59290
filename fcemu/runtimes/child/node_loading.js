'use strict';
// From a handler string to a function, and from what it throws to FC's error document.

const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');
const { pathToFileURL } = require('node:url');
const { inspect } = require('node:util');

const HERE = __dirname + path.sep;

class LoadFailed extends Error {
  constructor(name, message, cause) {
    super(message);
    this.name = name;
    this.cause = cause;
  }
}

// Handlers of one code directory. `modern`: nodejs18 and later, which take .mjs.
class Loader {
  constructor(code, modern) {
    this.code = code;
    this.modern = modern;
    this.require = createRequire(path.join(code, 'index.js'));
    this.loaded = new Map();
  }

  // The function of a handler string; throws LoadFailed. Nothing is remembered of a failure.
  async find(handler) {
    const known = this.loaded.get(handler);
    if (known) return known;
    const dot = handler.lastIndexOf('.');
    if (dot <= 0 || dot === handler.length - 1) {
      throw new LoadFailed('InvalidHandlerName', `Invalid handler '${handler}'`);
    }
    console.log(`load code for handler:${handler}`);
    const [where, name] = [handler.slice(0, dot), handler.slice(dot + 1)];
    const module = await this.load(where);
    const found = [module, module?.default].map((each) => each?.[name]).find((each) => each !== undefined);
    if (typeof found !== 'function') {
      throw new LoadFailed('HandlerNotFound', `Handler '${name}' is missing on module '${where}'`);
    }
    this.loaded.set(handler, found);
    return found;
  }

  async load(where) {
    const endings = this.modern ? ['.js', '.mjs', '.cjs'] : ['.js', '.cjs'];
    const files = endings.map((ending) => path.join(this.code, where + ending));
    const file = files.find((each) => fs.existsSync(each));
    if (!file) throw new LoadFailed('ImportModuleError', `Module '${path.join('/code', where)}' is missing.`);
    try {
      if (this.isModule(file)) return await import(pathToFileURL(file).href);
      return this.require(file);
    } catch (error) {
      if (error instanceof SyntaxError) throw new LoadFailed('UserCodeSyntaxError', error.message, error);
      if (['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'].includes(error?.code)) {
        throw new LoadFailed('ImportModuleError', error.message.split('\n', 1)[0], error);
      }
      throw error;
    }
  }

  // Whether Node takes a file for an ES module: by its ending, else by the nearest package.json.
  isModule(file) {
    if (!file.endsWith('.js')) return file.endsWith('.mjs');
    for (let at = path.dirname(file); ; at = path.dirname(at)) {
      const description = path.join(at, 'package.json');
      if (fs.existsSync(description)) {
        try {
          return JSON.parse(fs.readFileSync(description, 'utf8')).type === 'module';
        } catch {
          return false;
        }
      }
      if (at === path.dirname(at)) return false;
    }
  }

  // Paths as FC has them: the code lies in /code. Real paths too: Node resolves links.
  shown(text) {
    const real = fs.realpathSync(this.code);
    return [pathToFileURL(real).href, pathToFileURL(this.code).href, real, this.code].reduce(
      (shown, one) => shown.replaceAll(one + path.sep, '/code/'), text);
  }

  // The lines of an error's stack, without the frames of this program and of Node itself.
  stackOf(error) {
    if (typeof error.stack !== 'string') return [];
    const lines = error.stack.split('\n').filter((line) => {
      if (!/^\s+at /.test(line)) return true;
      return !/\(?node:/.test(line) && !line.includes(HERE) && !/\(native\)|\(<anonymous>\)$/.test(line);
    });
    return lines.map((line) => this.shown(line));
  }

  // The document of a failure. `handled`: it was given to the callback.
  document(error, handled) {
    if (!isError(error)) return { errorMessage: asText(error) };
    const isOurs = error instanceof LoadFailed;
    const type = typeof error.name === 'string' && error.name ? error.name : 'Error';
    return {
      errorMessage: this.shown(String(error.message)),
      errorType: handled || this.modern || isOurs ? type : `FunctionUnhandledError: ${type}`,
      stackTrace: this.stackOf(isOurs && error.cause ? error.cause : error),
    };
  }
}

function isError(value) {
  return value instanceof Error || (typeof value?.stack === 'string' && typeof value?.message === 'string');
}

function asText(value) {
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return JSON.stringify(value) ?? inspect(value);
  } catch {
    return inspect(value);
  }
}

module.exports = { Loader, LoadFailed };
