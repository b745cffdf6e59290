// Elements, and how times, texts and bytes are written for people.

export const find = id => document.getElementById(id);

// h('p', {class: 'quiet'}, 'text', child): an element; null children are left out, texts stay texts.
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter(child => child != null && child !== false));
  return element;
}

const instants = new Map();

// Milliseconds since 1970 of an instant like 2026-01-01T00:00:00.500000Z, with its microseconds behind the point.
export function instant(text) {
  let known = instants.get(text);
  if (known === undefined) {
    if (instants.size > 50000) instants.clear();
    known = Date.parse(text.slice(0, 23) + 'Z') + Number(text.slice(23, 26)) / 1000;
    instants.set(text, known);
  }
  return known;
}

// A duration in milliseconds as +1h02m03.5s.
export function offset(milliseconds) {
  const micros = Math.round(Math.abs(milliseconds) * 1000), sign = milliseconds < 0 ? '−' : '+';
  const seconds = (micros / 1e6) % 60, minutes = Math.floor(micros / 6e7) % 60;
  const hours = Math.floor(micros / 3.6e9) % 24, days = Math.floor(micros / 8.64e10);
  const small = String(Number(seconds.toFixed(micros < 6e7 ? 6 : 3)));
  const two = part => String(part).padStart(2, '0');
  if (micros < 6e7) return `${sign}${small} s`;
  return sign + [days && `${days}d`, (days || hours) && `${two(hours)}h`, `${two(minutes)}m`,
    seconds && `${small.split('.')[0].padStart(2, '0')}${small.includes('.') ? '.' + small.split('.')[1] : ''}s`]
    .filter(Boolean).join('').replace(/^0(?=\d)/, '');
}

export const clockText = milliseconds => new Date(milliseconds).toISOString().replace('T', ' ').replace('000Z', 'Z')
  .replace(/\.Z$/, 'Z');

// Text, or {"base64": …}, as the journal has bytes: shown as JSON where it is some, as text, or as hex.
export function bytes(given, empty = 'empty') {
  if (given === '' || given == null) return h('p', {class: 'quiet'}, empty);
  if (typeof given === 'object') return block(hex(given.base64));
  const text = given.trimStart();
  if (text.startsWith('{') || text.startsWith('[')) {
    try {
      return block(JSON.stringify(JSON.parse(given), null, 2));
    } catch {
      return block(given);
    }
  }
  return block(given);
}

export const block = text => h('pre', {tabindex: 0}, text);

function hex(base64) {
  const raw = atob(base64), lines = [];
  for (let at = 0; at < Math.min(raw.length, 4096); at += 16) {
    const piece = [...raw.slice(at, at + 16)], codes = piece.map(char => char.charCodeAt(0));
    const digits = codes.map(code => code.toString(16).padStart(2, '0')).join(' ').padEnd(47);
    lines.push(`${at.toString(16).padStart(6, '0')}  ${digits}  ${codes.map(code => code > 31 && code < 127 ? String.fromCharCode(code) : '.').join('')}`);
  }
  if (raw.length > 4096) lines.push(`… ${raw.length - 4096} more bytes`);
  return lines.join('\n');
}

// Options of a select, kept where they have not changed, so that what was chosen stays chosen.
export function choices(select, values, names = value => value) {
  const key = JSON.stringify(values);
  if (select.dataset.key === key) return;
  const chosen = select.value;
  const first = select.options[0]?.value === '' && select.options[0].dataset.own === undefined ? [select.options[0]] : [];
  select.replaceChildren(...first, ...values.map(value => h('option', {value, 'data-own': ''}, names(value))));
  if (values.includes(chosen)) select.value = chosen;
  select.dataset.key = key;
}
