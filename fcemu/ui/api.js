// fcemu's own API: requests, and the journal as a stream of events that goes on.

const BASE = '/_fcemu';
const TOKEN = 'fcemu-token';

export class Problem extends Error {
  constructor(document, status) {
    super(document.detail ?? `status ${status}`);
    this.type = document.type;
    this.explain = document.explain;
  }
}

export const keepToken = token => sessionStorage.setItem(TOKEN, token);

const headers = more => {
  const token = sessionStorage.getItem(TOKEN);
  return token ? {...more, 'X-Fcemu-Token': token} : more;
};

// One request; JSON, or text where the answer is text. Throws a Problem.
export async function ask(method, path, body) {
  const sent = body === undefined ? {} : {body: JSON.stringify(body)};
  const reply = await fetch(BASE + path, {method, headers: headers({'Content-Type': 'application/json'}), ...sent});
  const text = await reply.text();
  const isJson = (reply.headers.get('Content-Type') ?? '').includes('json');
  if (!reply.ok) throw new Problem(isJson ? JSON.parse(text) : {}, reply.status);
  return isJson ? JSON.parse(text) : text;
}

export const name = text => encodeURIComponent(text);

// Hands over the facts in portions, from the first one on, until the stream ends. EventSource sends no headers, so that
// it could not carry the token.
export async function follow(heard) {
  const reply = await fetch(`${BASE}/journal`, {headers: headers({Accept: 'text/event-stream'})});
  if (!reply.ok) throw new Problem(await reply.json(), reply.status);
  const reader = reply.body.getReader(), decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const {value, done} = await reader.read();
    if (done) return;
    const text = rest + decoder.decode(value, {stream: true}), end = text.lastIndexOf('\n\n');
    rest = end < 0 ? text : text.slice(end + 2);
    if (end < 0) continue;
    const facts = [];
    for (const event of text.slice(0, end).split('\n\n')) {
      const told = JSON.parse(event.slice(event.indexOf('data: ') + 6));
      if (event.startsWith('event: problem')) throw new Problem(told, 500);
      facts.push(told);
    }
    heard(facts);
  }
}
