// The facts, and where those of one invocation, function or address are. Which state follows from a fact is in the fact.

import {instant} from 'fcemu/dom.js';

export class Journal {
  facts = [];
  times = [];           // of each fact, in milliseconds
  invocations = new Map();
  lanes = new Map();    // by function
  mail = new Map();     // by address: messages by id
  cleared = new Map();  // by address: positions of the facts that emptied it
  failures = [];        // positions
  statuses = new Set();

  get end() { return this.facts.length; }

  add(fact) {
    const position = this.facts.length, at = instant(fact.at);
    this.facts.push(fact);
    this.times.push(at);
    if (fact.state.failure) this.failures.push(position);
    if (fact.kind === 'Accepted') this.#open(fact, at);
    const one = fact.request_id && fact.state.status ? this.invocations.get(fact.request_id) : undefined;
    if (one) this.#extend(one, fact, position, at);
    if (fact.data.destination) this.#deliver(fact, position);
  }

  #open(fact, at) {
    let lane = this.lanes.get(fact.function);
    if (!lane) this.lanes.set(fact.function, lane = {name: fact.function, rows: 0, free: [], invocations: []});
    const row = lane.free.length ? takeSmallest(lane.free) : lane.rows++;
    const one = {
      id: fact.request_id, function: fact.function, who: fact.state.who, lane, row, accepted: at, last: at, until: null,
      over: false, positions: [], segments: [], marks: [], deviations: [], caused: [], root: fact.data.root,
      search: `${fact.state.who} ${fact.request_id} ${fact.data.task_id ?? ''}`.toLowerCase(),
    };
    this.invocations.set(one.id, one);
    lane.invocations.push(one);
    if (one.root !== one.id) this.invocations.get(one.root)?.caused.push(one);
  }

  // Segments: from, to, phase, the position of the fact that began it, and of the failure that ended it.
  #extend(one, fact, position, at) {
    const before = one.segments.at(-1);
    if (before && before.to === null) {
      before.to = at;
      before.end = position;
      if (fact.kind === 'Finished' && fact.state.failure) before.failed = position;
    }
    one.positions.push(position);
    one.last = at;
    one.until = fact.state.until ? instant(fact.state.until) : null;
    this.statuses.add(fact.state.status);
    const {phase} = fact.state;
    if (fact.state.deviation) one.deviations.push({at, position});
    if (fact.kind === 'Finished' || fact.kind === 'Refused' || fact.kind === 'DeliveryFailed' || (phase === 'over' && !one.over))
      one.marks.push({at, position, bad: fact.state.failure, over: phase === 'over'});
    if (phase === 'over') {
      if (!one.over) addSorted(one.lane.free, one.row);
      one.over = true;
      return;
    }
    if (before && before.to === before.from) one.segments.pop();
    one.segments.push({from: at, to: null, phase, until: one.until, begin: position, end: Infinity, failed: Infinity});
  }

  #deliver(fact, position) {
    const {destination, message_id: id} = fact.data;
    let messages = this.mail.get(destination);
    if (!messages) this.mail.set(destination, messages = new Map());
    if (fact.state.place && id) {
      if (!messages.has(id)) messages.set(id, []);
      messages.get(id).push(position);
    } else if (fact.kind === 'Cleared' || fact.kind === 'Dropped') {
      this.cleared.set(destination, [...(this.cleared.get(destination) ?? []), position]);
    }
  }

  // How many of the ascending positions are among the first `end` facts.
  static before(positions, end) {
    let low = 0, high = positions.length;
    if (high && positions[high - 1] < end) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (positions[middle] < end) low = middle + 1; else high = middle;
    }
    return low;
  }

  // The state of an invocation after the first `end` facts; undefined before it was accepted.
  state(one, end) {
    const count = Journal.before(one.positions, end);
    return count ? this.facts[one.positions[count - 1]].state : undefined;
  }

  factsOf(one, end) {
    return one.positions.slice(0, Journal.before(one.positions, end)).map(position => this.facts[position]);
  }

  // The messages that an address holds after the first `end` facts, each with where it is.
  messages(address, end) {
    const gone = (this.cleared.get(address) ?? []).filter(position => position < end).at(-1) ?? -1, there = [];
    for (const [id, positions] of this.mail.get(address) ?? []) {
      const count = Journal.before(positions, end);
      if (!count || positions[count - 1] < gone) continue;
      const arrival = this.facts[positions[0]], {place, until} = this.facts[positions[count - 1]].state;
      there.push({id, body: arrival.data.body, at: arrival.at, request_id: arrival.request_id, place, until});
    }
    return there;
  }
}

// A sorted list of free rows: nearly always few.
function addSorted(rows, row) {
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle] > row) low = middle + 1; else high = middle;
  }
  rows.splice(low, 0, row);
}

const takeSmallest = rows => rows.pop();
