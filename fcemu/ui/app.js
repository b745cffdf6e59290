// What is looked at: a moment, an invocation, a filter; and who draws it again when one of them, or the journal, changes.

import {Problem, ask, follow, keepToken} from 'fcemu/api.js';
import {choices, clockText, find, h, instant, offset} from 'fcemu/dom.js';
import {Detail} from 'fcemu/invocation.js';
import {Journal} from 'fcemu/journal.js';
import {List, told} from 'fcemu/list.js';
import {Panels} from 'fcemu/panels.js';
import {Timeline} from 'fcemu/timeline.js';

// Where a running emulator's page learns what it shows.
const LIVE = {
  record: id => ask('GET', `/invocations/${id}`),
  list: what => ask('GET', `/${what}`),
  clock: () => ask('GET', '/clock'),
  definition: () => ask('GET', '/definition'),
  problems: () => ask('GET', '/definition/problems'),
};

// Where a report does: from what was recorded in it.
const recordedSource = recorded => ({
  record: async id => recorded.invocations[id],
  list: async () => [],
  clock: async () => recorded.clock,
  definition: async () => recorded.definition,
  problems: async () => [],
});

class View {
  journal = new Journal();
  filter = {text: '', function: '', status: ''};
  moment = null;      // how many facts are shown, null: all
  selected = null;
  live = {};          // the clock, as it was last told
  #drawing = false;
  #facts = 0;
  #rests = 0;         // until when new facts are not drawn

  constructor(recorded) {
    this.recorded = recorded;
    this.source = recorded ? recordedSource(recorded) : LIVE;
    this.timeline = new Timeline(this);
    this.list = new List(this);
    this.detail = new Detail(this);
    this.panels = new Panels(this);
    this.#read();
    this.#listen();
  }

  get end() { return this.moment === null ? this.journal.end : Math.min(this.moment, this.journal.end); }
  get travels() { return this.moment !== null && this.moment < this.journal.end; }
  get started() { return this.live.started ?? this.journal.times[0] ?? 0; }

  // The time that is shown: that of the moment, else the clock's.
  get now() {
    if (this.travels) return this.journal.times[this.end - 1] ?? this.started;
    const last = this.journal.times.at(-1) ?? this.started;
    if (this.live.now === undefined) return last;
    return Math.max(last, this.live.now + this.live.rate * (performance.now() - this.live.read));
  }

  settingsOf(named) {
    const [first, second] = named.split('/'), {services, functions} = this.defined ?? {};
    return second === undefined ? functions?.[first] : services?.[first]?.functions?.[second];
  }

  matches(one) {
    const {text, function: named, status} = this.filter;
    if (named && one.function !== named) return false;
    if (text && !one.search.includes(text)) return false;
    return !status || this.journal.state(one, this.end)?.status === status;
  }

  // The address has the moment and the invocation, so that a link opens the same.
  #read() {
    const said = new URLSearchParams(location.hash.slice(1));
    this.moment = said.has('fact') ? Number(said.get('fact')) : null;
    this.selected = said.get('invocation');
    this.guesses = !this.selected;  // until all that has happened is here
  }

  // Soon: browsers take long for it, and a slider moves often.
  #write() {
    clearTimeout(this.writing);
    this.writing = setTimeout(() => this.#writeNow(), 120);
  }

  #writeNow() {
    const said = new URLSearchParams();
    if (this.moment !== null) said.set('fact', this.moment);
    if (this.selected) said.set('invocation', this.selected);
    const wanted = said.size ? `#${said}` : '';
    if (location.hash !== wanted) history.replaceState(null, '', wanted || location.pathname + location.search);
  }

  travel(to) {
    this.moment = to === null || (to >= this.journal.end && !this.recorded) ? null : Math.max(to, 0);
    this.#write();
    this.changed();
  }

  select(id) {
    this.guesses = false;
    this.selected = id;
    this.#write();
    this.changed();
    this.revealed = null;
  }

  // The failure before or behind the moment; its invocation is shown.
  toFailure(by) {
    const {journal, end} = this, known = journal.failures, at = Journal.before(known, by > 0 ? end : end - 1);
    const position = known[by > 0 ? at : at - 1];
    if (position === undefined) return this.say(by > 0 ? 'there is no failure after this moment' : 'there is no failure before this moment');
    const {request_id: id} = journal.facts[position];
    this.guesses = false;
    if (journal.invocations.has(id)) this.selected = id;
    this.revealed = null;
    this.moment = position + 1;
    this.#write();
    this.changed();
  }

  #listen() {
    const slider = find('moment');
    slider.oninput = () => this.travel(Number(slider.value));
    find('back').onclick = () => this.toFailure(-1);
    find('forth').onclick = () => this.toFailure(1);
    find('live').onclick = () => this.travel(null);
    for (const [id, key] of [['text', 'text'], ['function', 'function'], ['status', 'status']])
      find(id).oninput = () => { this.filter[key] = find(id).value.trim().toLowerCase(); if (key !== 'text') this.filter[key] = find(id).value; this.changed(); };
    for (const button of document.querySelectorAll('[data-by]')) button.onclick = () => this.#move('/clock/advance', {by: button.dataset.by});
    find('next').onclick = () => this.#move('/clock/run-next');
    find('idle').onclick = () => this.#move('/clock/run-until-idle');
    find('autojump').onclick = () => this.act(async () => { this.#tell(await ask('PATCH', '/clock', {autojump: !this.live.autojump})); });
    find('pause').onclick = () => this.act(async () => {
      if (this.live.rate) this.flow = this.live.rate;
      this.#tell(await ask('PATCH', '/clock', {rate: this.live.rate ? 0 : this.flow ?? 1}));
    });
    find('ask').onsubmit = event => { event.preventDefault(); keepToken(find('token').value); location.reload(); };
    addEventListener('hashchange', () => { this.#read(); this.changed(); });
    addEventListener('keydown', event => {
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
      const act = {'[': () => this.toFailure(-1), ']': () => this.toFailure(1), ',': () => this.travel(Math.max(this.end - 1, 0)),
        '.': () => this.travel(this.end + 1), '/': () => find('text').focus()}[event.key];
      if (act) { event.preventDefault(); act(); }
    });
  }

  async #move(path, body = {}) {
    await this.act(async () => {
      const {facts} = await ask('POST', path, body);
      this.travel(null);
      return `${facts} fact${facts === 1 ? '' : 's'}`;
    });
  }

  // Does what a button is for, says what came of it, and asks for what may have changed.
  async act(doing) {
    try {
      const told = await doing();
      if (told) this.say(told.done ?? told, false, told.text);
      this.#meet();
    } catch (wrong) {
      if (!(wrong instanceof Problem || wrong instanceof SyntaxError || wrong instanceof TypeError)) throw wrong;
      this.say(wrong.explain ? `${wrong.message}\n${wrong.explain}` : wrong.message, true);
    }
    await this.#refresh();
  }

  say(text, wrong = false, more = '') {
    const notice = find('notice');
    notice.hidden = false;
    notice.className = wrong ? 'wrong' : '';
    notice.replaceChildren(text, more ? h('pre', {tabindex: 0, id: 'copied'}, more) : '');
    clearTimeout(this.silence);
    if (!more && !wrong) this.silence = setTimeout(() => { notice.hidden = true; }, 6000);
  }

  #tell(clock) {
    this.live = {...clock, now: instant(clock.now), started: instant(clock.started), read: performance.now()};
    this.changed();
  }

  // Everything beside the journal; one round at a time.
  async #refresh() {
    if (this.refreshing) {
      this.again = true;
      return;
    }
    this.refreshing = true;
    try {
      do {
        this.again = false;
        this.#tell(await this.source.clock());
        if (this.recorded) break;
        await this.panels.refresh();
        const {text} = await ask('GET', '/explain'), [first] = text.split('\n');
        find('why').textContent = first;
        find('explain').querySelector('pre').textContent = text;
      } while (this.again);
    } finally {
      this.refreshing = false;
    }
  }

  #soon(milliseconds) {
    this.soonest ??= performance.now() + 1500;
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => { this.soonest = null; if (this.selected) this.guesses = false; this.#refresh().catch(() => {}); },
      Math.min(milliseconds, Math.max(this.soonest - performance.now(), 0)));
  }

  hear(facts) {
    for (const fact of facts) {
      this.journal.add(fact);
      if (fact.kind === 'Changed') this.#define();
    }
    this.#meet();
    this.#grew();
    if (!this.recorded) this.#soon(150);
  }

  // Shows an invocation that the user has caused, as soon as it is there.
  #meet() {
    if (!this.expected || !this.journal.invocations.has(this.expected)) return;
    this.moment = null;
    this.select(this.expected);
    this.expected = null;
  }

  #define() {
    this.defining ??= setTimeout(async () => {
      this.defining = null;
      this.defined = await this.source.definition();
      this.panels.definition(this.defined, await this.source.problems());
      this.changed();
    }, 50);
  }

  // Something is to be drawn again, with the next frame.
  changed() {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      const begun = performance.now();
      this.#draw();
      this.#rests = performance.now() + Math.min(8 * (performance.now() - begun), 1000);
    });
  }

  // The same for new facts, of which many come at a time: drawing them takes a small part of the time.
  #grew() {
    this.growing ??= setTimeout(() => { this.growing = null; this.changed(); }, Math.max(this.#rests - performance.now(), 0));
  }

  #draw() {
    const {journal, end} = this, slider = find('moment'), fact = journal.facts[end - 1];
    if (this.guesses && journal.end) this.selected = this.#first();
    slider.max = journal.end;
    slider.value = end;
    const said = fact ? `${offset(journal.times[end - 1] - this.started)}  ${fact.state.who}  ${fact.state.line}` : 'nothing has happened yet';
    slider.setAttribute('aria-valuetext', `fact ${end} of ${journal.end}, ${said}`);
    find('fact').replaceChildren(h('span', {class: 'quiet'}, `fact ${end.toLocaleString('en')} of ${journal.end.toLocaleString('en')}  `), told(fact, said));
    find('live').setAttribute('aria-pressed', String(this.moment === null));
    find('now').textContent = clockText(this.now);
    find('since').textContent = offset(this.now - this.started) + (this.travels ? ' (a moment of the past)' : this.live.rate ? ` ×${this.live.rate}` : '');
    find('pause').setAttribute('aria-pressed', String(!this.live.rate));
    find('autojump').setAttribute('aria-pressed', String(!!this.live.autojump));
    if (this.#facts !== journal.end) {
      this.#facts = journal.end;
      choices(find('function'), [...journal.lanes.keys()]);
      choices(find('status'), [...journal.statuses]);
    }
    this.timeline.draw();
    this.list.update();
    if (this.revealed !== this.selected) {
      this.revealed = this.selected;
      this.list.reveal(this.selected);
    }
    this.detail.update();
    this.panels.update();
    document.body.dataset.facts = journal.end;
  }

  // What is worth a look first: the last failure, else the newest invocation.
  #first() {
    const {journal} = this;
    for (const position of [...journal.failures].reverse()) if (journal.invocations.has(journal.facts[position].request_id)) return journal.facts[position].request_id;
    return [...journal.invocations.keys()].at(-1) ?? null;
  }

  async run() {
    if (this.recorded) {
      document.body.classList.add('report');
      document.title = this.recorded.title;
      this.say(this.recorded.title, false, this.recorded.text);
      this.hear(this.recorded.facts);
      this.#define();
      return this.#refresh();
    }
    setInterval(() => { if (this.live.rate && !document.hidden) this.#soon(0); }, 1000);
    for (;;) {
      try {
        await this.#refresh();
        this.#define();
        await follow(facts => this.hear(facts));
        this.say('the emulator started anew or ended', false);
      } catch (wrong) {
        if (wrong.type === 'access-denied') return this.#askToken();
        this.say(`no emulator answers here: ${wrong.message}`, true);
      }
      await new Promise(later => setTimeout(later, 500));
      this.journal = new Journal();
      this.detail.record = this.detail.asked = null;
      this.timeline.chosen = null;
      this.#read();
    }
  }

  #askToken() {
    find('ask').hidden = false;
    find('token').focus();
  }
}

const view = new View(JSON.parse(document.getElementById('recorded').textContent));
view.run();
