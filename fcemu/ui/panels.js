// Queues and topics, timers and triggers, faults, stubs, the definition; all but messages is as it is now.

import {ask, name} from 'fcemu/api.js';
import {bytes, block, choices, clockText, find, h, instant, offset} from 'fcemu/dom.js';

const WORDS = {throttle: [], fail: ['status'], crash: ['when'], delay: ['by'], deliver_twice: ['again']};
const USUAL = {status: ['500', '503'], when: ['after', 'before', 'sleeping'], by: '1s', again: '0s'};

export class Panels {
  constructor(view) {
    this.view = view;
    this.lists = {functions: [], queues: [], topics: [], timers: [], faults: []};
    find('address').onchange = () => this.update();
    find('letter').onsubmit = event => { event.preventDefault(); view.act(() => this.#send()); };
    find('trigger').onchange = () => this.#fields();
    find('event').onsubmit = event => { event.preventDefault(); view.act(() => this.#fire()); };
    choices(find('kind'), Object.keys(WORDS));
    find('kind').onchange = () => this.#words();
    this.#words();
    find('trouble').onsubmit = event => { event.preventDefault(); view.act(() => this.#put()); };
    find('stubbed').onchange = () => this.#calls();
    find('steps-form').onsubmit = event => {
      event.preventDefault();
      view.act(async () => {
        await ask('PUT', `/stubs/${name(find('stubbed').value)}`, {steps: JSON.parse(find('steps').value)});
        return 'the stub runs in place of the code';
      });
    };
    find('unstub').onclick = () => view.act(async () => {
      await ask('DELETE', `/stubs/${name(find('stubbed').value)}`);
      return 'the code runs again';
    });
  }

  // Asks for all lists again; `view` says when that makes sense.
  async refresh() {
    const {view} = this, names = Object.keys(this.lists);
    const told = await Promise.all(names.map(each => view.source.list(each)));
    names.forEach((each, at) => { this.lists[each] = told[at]; });
    view.timeline.timers = this.lists.timers.flatMap(timer => timer.upcoming.map(at => ({function: timer.function, at: instant(at)})));
    const functions = this.lists.functions.map(each => each.name);
    choices(find('whose'), functions);
    choices(find('stubbed'), functions);
    for (const button of document.querySelectorAll('#trouble button, #steps-form button')) button.disabled = !functions.length;
    const triggers = this.lists.functions.flatMap(each => each.triggers.filter(one => one.kind !== 'http').map(one => `${each.name}/${one.name}`));
    choices(find('trigger'), triggers);
    find('fire').disabled = !triggers.length;
    this.#fields();
    this.#faults();
    await this.#calls();
    this.update();
  }

  // Messages are those of the moment that is shown.
  update() {
    const {view} = this, known = new Set([...this.lists.queues.map(each => `queue:${each.name}`),
      ...this.lists.topics.map(each => `topic:${each.name}`), ...[...view.journal.mail.keys()].filter(each => !each.startsWith('function:'))]);
    choices(find('address'), [...known].sort());
    const address = find('address').value;
    find('send').disabled = !address || address.startsWith('eventbus:');
    find('send').textContent = 'send';
    const key = `${address} ${view.end} ${view.started}`;
    if (key === this.drawn) return;
    this.drawn = key;
    const messages = address ? view.journal.messages(address, view.end) : [];
    const rows = messages.slice(-200).reverse().map(each => h('tr', {},
      h('td', {}, offset(instant(each.at) - view.started)), h('td', {}, where(each, view)),
      h('td', {}, h('details', {}, h('summary', {}, brief(each.body)), bytes(each.body)),
        each.request_id ? h('button', {onclick: () => view.select(each.request_id)}, view.journal.invocations.get(each.request_id)?.who ?? each.request_id) : null)));
    const more = messages.length > 200 ? h('p', {class: 'quiet'}, `… ${messages.length - 200} earlier ones`) : null;
    find('messages').replaceChildren(...!address ? [h('p', {class: 'quiet'}, 'there is no queue and no topic')]
      : rows.length ? [h('div', {class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'messages'}, h('table', {}, h('thead', {}, h('tr', {}, ['at', 'where', 'message'].map(text => h('th', {scope: 'col'}, text)))), h('tbody', {}, rows)), more)]
        : [h('p', {class: 'quiet'}, 'no messages')]);
  }

  async #send() {
    const [kind, ...rest] = find('address').value.split(':'), path = `${{queue: 'queues', topic: 'topics'}[kind]}/${name(rest.join(':'))}`;
    const delay = find('after').value.trim();
    await ask('POST', `/${path}/messages`, {body: find('body').value, ...delay && kind === 'queue' ? {delay_seconds: Number(delay.replace(/\s*s$/, ''))} : {}});
    find('body').value = '';
    return `sent to ${kind} ${rest.join(':')}`;
  }

  #chosen() {
    const wanted = find('trigger').value;
    for (const each of this.lists.functions)
      for (const one of each.triggers) if (`${each.name}/${one.name}` === wanted) return {owner: each.name, ...one};
  }

  #fields() {
    const trigger = this.#chosen(), {view} = this;
    const upcoming = this.lists.timers.find(each => `${each.function}/${each.trigger}` === find('trigger').value)?.upcoming ?? [];
    find('firings').textContent = !trigger ? 'there is no timer and no other trigger' : trigger.kind !== 'timer' ? `of kind ${trigger.kind}`
      : upcoming.length ? `next ${upcoming.slice(0, 3).map(at => `${clockText(instant(at))} (${offset(instant(at) - view.now)})`).join(', ')}` : 'disabled, or it never fires again';
    const key = trigger ? `${trigger.owner}/${trigger.name}` : '';
    if (this.fieldsOf === key) return;
    this.fieldsOf = key;
    const fields = trigger?.fields ?? [], plain = trigger && trigger.kind !== 'timer' && !fields.length;
    find('fields').replaceChildren(...fields.map(field => h('label', {title: field.about}, `${field.name} `,
      h('input', {'data-field': field.name, 'data-kind': field.kind, required: field.required, placeholder: field.required ? field.about : JSON.stringify(field.default) ?? ''}))),
    ...plain ? [h('label', {class: 'block'}, 'payload', h('textarea', {'data-field': 'payload', rows: 3}))] : []);
  }

  async #fire() {
    const trigger = this.#chosen(), path = `/${name(trigger.owner)}/${name(trigger.name)}/fire`;
    if (trigger.kind === 'timer') {
      this.view.expected = (await ask('POST', `/timers${path}`)).request_id;
      return `${trigger.name} fired; the invocation runs when the clock moves`;
    }
    const said = {};
    for (const input of find('fields').querySelectorAll('[data-field]'))
      if (input.value !== '') said[input.dataset.field] = input.dataset.kind === 'text' || input.dataset.field === 'payload' ? input.value : JSON.parse(input.value);
    const {request_id: id, reason} = await ask('POST', `/triggers${path}`, said);
    this.view.expected = id;
    return id ? `${trigger.name} fired; the invocation runs when the clock moves` : `nothing is invoked: ${reason}`;
  }

  #words() {
    find('words').replaceChildren(...WORDS[find('kind').value].map(word => h('label', {}, `${word} `, Array.isArray(USUAL[word])
      ? h('select', {'data-word': word}, USUAL[word].map(value => h('option', {}, value))) : h('input', {'data-word': word, value: USUAL[word], size: 6}))));
  }

  async #put() {
    const said = Object.fromEntries([...find('words').querySelectorAll('[data-word]')].map(input =>
      [input.dataset.word, input.dataset.word === 'status' ? Number(input.value) : input.value]));
    await ask('POST', '/faults', {fault: find('kind').value, function: find('whose').value, times: Number(find('times').value), ...said});
    return 'the fault affects the next attempt that matches';
  }

  #faults() {
    const rows = this.lists.faults.map(each => h('li', {}, h('span', {},
      `${each.fault} ${each.function}${['status', 'when', 'by', 'again'].filter(word => each[word] != null).map(word => `, ${word} ${each[word]}`).join('')}`),
    h('span', {class: 'quiet'}, `occurred ${each.struck} of ${each.times} times`), h('button', {
      'aria-label': `remove fault ${each.n}`, onclick: () => this.view.act(async () => { await ask('DELETE', `/faults?n=${each.n}`); return 'removed'; }),
    }, 'remove')));
    find('faults').replaceChildren(...rows.length ? rows : [h('li', {class: 'quiet'}, 'none')]);
  }

  async #calls() {
    const which = find('stubbed').value, stubbed = this.lists.functions.find(each => each.name === which)?.stubbed;
    find('unstub').disabled = !stubbed;
    if (!stubbed) return find('calls').replaceChildren(h('p', {class: 'quiet'}, which ? 'its own code runs' : 'there is no function'));
    const calls = await ask('GET', `/stubs/${name(which)}`), {view} = this;
    find('calls').replaceChildren(h('p', {}, `a stub runs; ${calls.length} call${calls.length === 1 ? '' : 's'}`), h('ul', {class: 'rows'},
      calls.slice(-20).map(call => h('li', {}, h('button', {onclick: () => view.select(call.request_id)}, `${offset(instant(call.at) - view.started)} attempt ${call.attempt}`), brief(call.payload)))));
  }

  definition(document, problems) {
    find('definition').replaceChildren(...problems.map(each => h('p', {}, h('span', {class: 'mono'}, each.path), ` ${each.message}`,
      each.hints.length ? h('span', {class: 'quiet'}, ` (${each.hints.join('; ')})`) : null)),
    h('details', {}, h('summary', {}, 'all that is defined, in native form'), block(JSON.stringify(document, null, 2))));
  }
}

// A message that is hidden, or not visible yet, is visible from `until` on.
function where({place, until}, view) {
  if (place === 'gone' || !until || instant(until) <= view.now) return place === 'gone' ? 'deleted' : 'visible';
  return `${place === 'visible' ? 'delayed' : place} until ${offset(instant(until) - view.started)}`;
}

function brief(body) {
  const text = typeof body === 'string' ? body : `base64 ${body.base64}`;
  return text.length > 70 ? `${text.slice(0, 70)}…` : text || '(empty)';
}
