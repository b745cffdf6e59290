// One invocation: its history, attempts, payload and reply, reports, and what can be done with it.

import {ask, name} from 'fcemu/api.js';
import {block, bytes, clockText, find, h, instant, offset} from 'fcemu/dom.js';
import {told, tone} from 'fcemu/list.js';

export class Detail {
  constructor(view) {
    this.view = view;
    find('rerun').onclick = () => view.act(() => this.#rerun());
    find('stop').onclick = () => view.act(async () => {
      await ask('POST', `/invocations/${view.selected}/stop`, {});
      return 'asked to stop';
    });
    find('test').onclick = () => view.act(async () => copy(await ask('GET', `/invocations/${view.selected}/test`), 'the test'));
    find('curl').onclick = () => view.act(async () => copy(this.#curl(), 'the command'));
  }

  async #rerun() {
    const {view} = this, given = {};
    const payload = find('payload').value, delay = find('delay').value.trim(), task = find('task').value.trim();
    if (payload !== this.filled) given.payload = payload;
    if (delay) given.delay_seconds = Number(delay.replace(/\s*s$/, ''));
    if (task) given.task_id = task;
    const {request_id: id} = await ask('POST', `/invocations/${view.selected}/rerun`, given);
    view.expected = id;
    return 'rerun';
  }

  update() {
    const {view} = this, {journal, end} = view, one = journal.invocations.get(view.selected);
    const known = one && one.positions[0] < end, state = known ? journal.state(one, end) : undefined;
    for (const id of ['rerun', 'stop', 'test', 'curl']) find(id).disabled = !known;
    if (known) find('stop').disabled = one.over;
    const facts = known ? journal.factsOf(one, end) : [];
    const key = [view.selected, facts.length, end === one?.positions[facts.length - 1] + 1, this.record?.key].join();
    if (key === this.drawn) return;
    this.drawn = key;
    if (!known) {
      find('h-one').textContent = one ? `${one.who} has not been accepted yet` : 'No invocation selected';
      find('doing').replaceChildren();
      find('story').replaceChildren();
      return;
    }
    const accepted = facts[0].data;
    if (this.filledOf !== one.id) {
      this.filledOf = one.id;
      this.filled = typeof accepted.payload === 'string' ? accepted.payload : '';
      find('payload').value = this.filled;
      find('payload').placeholder = typeof accepted.payload === 'string' ? '' : 'bytes; leave this empty to send them again';
      find('delay').value = find('task').value = '';
    }
    find('h-one').replaceChildren(h('span', {}, one.who), ' ', h('span', {class: `state ${tone(state, one, view)}`}, state.status));
    const due = state.until && state.phase !== 'over' ? `, ${state.phase} until ${offset(instant(state.until) - view.started)}` : '';
    find('doing').replaceChildren(h('span', {class: 'quiet mono'}, one.id), ` ${accepted.synchronous ? 'synchronous' : 'asynchronous'}, by ${accepted.source}${due}`);
    this.#learn(one, facts.length);
    find('story').replaceChildren(...this.#story(one, facts, accepted).filter(Boolean));
  }

  // The record has what facts do not: tracebacks with real paths. It is asked for again when there are new facts.
  #learn(one, count) {
    const {view} = this, wanted = `${one.id} ${one.positions.length}`;
    if (this.record?.key === wanted || this.asked === wanted) return;
    this.asked = wanted;
    view.source.record(one.id).then(record => {
      this.record = {key: wanted, attempts: record?.attempts ?? [], id: one.id};
      view.changed();
    }, () => {});
  }

  #story(one, facts, accepted) {
    const {view} = this, current = facts.at(-1).n === view.end;
    const cause = one.root !== one.id && view.journal.invocations.get(one.root);
    const caused = one.caused.filter(each => each.positions[0] < view.end);
    const reports = facts.filter(fact => fact.kind === 'Delivered' || fact.kind === 'DeliveryFailed');
    const link = other => h('button', {onclick: () => view.select(other.id)}, other.who);
    return [
      cause && h('p', {}, 'caused by ', link(cause)),
      h('h3', {}, 'History'),
      h('ol', {class: 'facts'}, facts.map(fact => h('li', {}, h('button', {
        'aria-current': String(current && fact.n === view.end), title: `${fact.at}: travel to this fact`, onclick: () => view.travel(fact.n),
      }, h('span', {class: 'at'}, offset(instant(fact.at) - view.started)), told(fact, fact.state.line))))),
      ...this.#attempts(one, facts),
      h('h3', {}, 'Payload'), bytes(accepted.payload),
      accepted.http && h('details', {}, h('summary', {}, `${accepted.http.method} ${accepted.http.target}`),
        block(accepted.http.headers.map(pair => pair.join(': ')).join('\n'))),
      reports.length + caused.length && h('h3', {}, 'Reports and what they caused'),
      ...reports.map(fact => h('details', {}, h('summary', {}, `${offset(instant(fact.at) - view.started)} ${fact.state.line}`),
        fact.kind === 'Delivered' ? bytes(fact.data.body) : h('p', {class: 'bad'}, fact.data.reason))),
      caused.length && h('p', {class: 'bar'}, ...caused.slice(0, 50).map(link)),
      ...this.#context(one, accepted),
    ];
  }

  #attempts(one, facts) {
    const {view} = this, found = [];
    for (const fact of facts) {
      if (fact.kind === 'Started' || fact.kind === 'Refused') found.push({begun: fact, ended: fact.kind === 'Refused' ? fact : null});
      else if (fact.kind === 'Finished') found.at(-1).ended = fact;
    }
    const at = fact => offset(instant(fact.at) - view.started);
    return [found.length ? h('h3', {}, found.length === 1 ? 'Attempt' : 'Attempts') : null, ...found.map(({begun, ended}, index) => {
      const record = this.record?.id === one.id ? this.record.attempts[index] : undefined;
      const outcome = ended?.data.outcome, bad = ended?.state.failure, seconds = ended ? instant(ended.at) - instant(begun.at) : 0;
      const head = [h('strong', {class: bad ? 'bad' : ''}, ended ? ended.state.line : begun.state.line),
        h('span', {class: 'quiet'}, ` ${at(begun)}${seconds ? `, took ${offset(seconds).slice(1)}` : ''}`)];
      const output = ended?.data.output, folded = bad || output?.length > 600;
      const body = [
        ended && record?.location && h('p', {class: 'mono'}, record.location),
        ended && record?.traceback && block(record.traceback),
        outcome && 'payload' in outcome && h('div', {}, h('p', {class: 'quiet'}, 'returned'), bytes(outcome.payload, 'nothing')),
        outcome?.document && !record?.traceback && bytes(outcome.document),
        output && h('details', {open: !folded}, h('summary', {}, 'output'), block(output)),
      ].filter(Boolean);
      const tones = `attempt ${ended ? bad ? 'bad' : 'good' : ''}`;
      return body.length ? h('details', {class: tones, open: index === found.length - 1}, h('summary', {}, ...head), ...body) : h('p', {class: tones}, ...head);
    })];
  }

  #context(one, accepted) {
    const {view} = this, settings = view.settingsOf(one.function), variables = settings?.environmentVariables ?? {};
    const rows = {
      'accepted': clockText(one.accepted), 'qualifier': accepted.qualifier, 'task id': accepted.task_id,
      'outside request': one.root === one.id ? '' : one.root, 'handler': settings?.handler, 'runtime': settings?.runtime,
      'timeout': settings?.timeout && `${settings.timeout} s`, 'memory': settings?.memorySize && `${settings.memorySize} MB`,
      ...Object.fromEntries(Object.entries(variables).map(([key, value]) => [`$${key}`, value])),
    };
    return [h('details', {}, h('summary', {}, 'environment and context'), h('dl', {}, ...Object.entries(rows).filter(([, value]) => value)
      .flatMap(([key, value]) => [h('dt', {}, key), h('dd', {class: 'mono'}, String(value))])))];
  }

  #curl() {
    const {view} = this, one = view.journal.invocations.get(view.selected), fact = view.journal.facts[one.positions[0]];
    const {payload, http, synchronous, task_id: task} = fact.data, [service, plain] = one.function.split('/');
    const path = plain === undefined ? `/2023-03-30/functions/${name(service)}/invocations`
      : http ? `/2016-08-15/proxy/${name(service)}/${name(plain)}${http.target}` : `/2016-08-15/services/${name(service)}/functions/${name(plain)}/invocations`;
    const named = plain === undefined ? 'X-Fc-Async-Task-Id' : 'X-Fc-Stateful-Async-Invocation-Id';
    const parts = [`curl -X ${http?.method ?? 'POST'}`, quoted(location.origin + path)];
    if (!synchronous) parts.push(`-H 'X-Fc-Invocation-Type: Async'`);
    if (task && task !== one.id) parts.push('-H', quoted(`${named}: ${task}`));
    if (http) for (const [key, value] of http.headers) if (!/^(host|connection|content-length|x-fc-.*)$/i.test(key)) parts.push('-H', quoted(`${key}: ${value}`));
    if (typeof payload === 'object') return `printf %s ${quoted(payload.base64)} | base64 -d | ${parts.join(' ')} --data-binary @-\n`;
    return `${parts.join(' ')}${payload ? ` --data-binary ${quoted(payload)}` : ''}\n`;
  }
}

const quoted = text => `'${text.replaceAll("'", `'\\''`)}'`;

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    return {done: `${what} is on the clipboard`, text};
  } catch {
    return {done: `${what}; this browser does not allow access to the clipboard, so copy the text from here`, text};
  }
}

