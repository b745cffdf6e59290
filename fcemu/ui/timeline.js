// Lanes on virtual time, drawn on a canvas: only what is in sight, and all of one colour together.

import {find, h, instant, offset} from 'fcemu/dom.js';

const AXIS = 22, LABEL = 19, ROW = 14, GAP = 6, LOWEST = 150, HIGHEST = 900;
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 3e4, 6e4, 3e5, 9e5, 18e5, 36e5, 108e5, 216e5, 432e5, 864e5,
  1728e5, 6048e5, 2592e6];
const LEGEND = [['waiting', 'waiting'], ['starting', 'instance starts'], ['running', 'running'], ['sleeping', 'asleep'],
  ['good', 'returned'], ['bad', 'failed'], ['odd', 'not calm: chance or a fault'], ['future', 'due in the future'], ['moment', 'the moment shown']];

export class Timeline {
  constructor(view) {
    this.view = view;
    this.canvas = find('canvas');
    this.context = this.canvas.getContext('2d');
    this.timers = [];
    this.chosen = null;   // from and to, where the user has zoomed or panned
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { this.colors = null; view.changed(); });
    new ResizeObserver(() => view.changed()).observe(find('lanes'));
    find('legend').append(...LEGEND.map(([name, text]) => h('li', {}, h('i', {style: `background: var(--${name})`}), text)));
    find('closer').onclick = () => this.zoom(1 / 1.6);
    find('wider').onclick = () => this.zoom(1.6);
    find('fit').onclick = () => { this.chosen = null; view.changed(); };
    this.#listen();
  }

  #listen() {
    const canvas = this.canvas;
    let drag = null;
    canvas.addEventListener('pointerdown', event => {
      drag = {x: event.clientX, moved: false, ...this.#range()};
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', event => {
      if (!drag) return;
      const by = event.clientX - drag.x;
      drag.moved ||= Math.abs(by) > 4;
      if (drag.moved) this.#show(drag.from - by * (drag.to - drag.from) / canvas.clientWidth, drag.to - drag.from);
    });
    canvas.addEventListener('pointerup', event => {
      if (drag && !drag.moved) this.#pick(event);
      drag = null;
    });
    canvas.addEventListener('pointercancel', () => { drag = null; });
    canvas.addEventListener('wheel', event => {
      if (!event.ctrlKey && !event.shiftKey) return;
      event.preventDefault();
      const share = event.offsetX / canvas.clientWidth;
      if (event.ctrlKey) this.zoom(event.deltaY > 0 ? 1.25 : 0.8, share);
      else this.#pan((event.deltaY || event.deltaX) / canvas.clientWidth);
    }, {passive: false});
    canvas.addEventListener('keydown', event => {
      const act = {
        ArrowLeft: () => this.#pan(-0.15), ArrowRight: () => this.#pan(0.15), '+': () => this.zoom(1 / 1.6),
        '=': () => this.zoom(1 / 1.6), '-': () => this.zoom(1.6), 0: () => find('fit').click(),
      }[event.key];
      if (act) { act(); event.preventDefault(); event.stopPropagation(); }
    });
  }

  #show(from, span) {
    this.chosen = {from, to: from + Math.min(Math.max(span, 0.01), 4e11)};
    this.view.changed();
  }

  zoom(factor, share = 0.5) {
    const {from, to} = this.#range(), span = (to - from) * factor;
    this.#show(from + (to - from) * share - span * share, span);
  }

  #pan(share) {
    const {from, to} = this.#range();
    this.#show(from + (to - from) * share, to - from);
  }

  // What is in sight: all that has happened and what is due, unless the user has chosen.
  #range() {
    if (this.chosen) return this.chosen;
    const {journal, live} = this.view, start = journal.times[0] ?? live.now ?? 0;
    let last = Math.max(journal.times.at(-1) ?? start, this.view.travels ? 0 : live.now ?? 0);
    for (const one of this.pending) if (one.until !== null && one.until > last) last = one.until;
    const span = Math.max(last - start, 1000);
    return {from: start - span * 0.02, to: start + span * 1.05};
  }

  get pending() {
    const {journal} = this.view;
    if (this.pendingAt !== journal.end || this.pendingOf !== journal) {
      this.pendingAt = journal.end;
      this.pendingOf = journal;
      this.pendings = [];
      for (const one of journal.invocations.values()) if (!one.over) this.pendings.push(one);
    }
    return this.pendings;
  }

  // The lanes with their places: rows become lower where there are many.
  #layout() {
    const wanted = this.view.filter.function, lanes = [];
    for (const lane of this.view.journal.lanes.values()) if (!wanted || lane.name === wanted) lanes.push(lane);
    const rows = lanes.reduce((sum, lane) => sum + lane.rows, 0), space = lanes.length * (LABEL + GAP) + AXIS + GAP;
    const height = Math.min(Math.max(space + rows * ROW, LOWEST), Math.max(430, Math.min(space + rows * 2, HIGHEST)));
    const row = rows ? Math.min(ROW, (height - space) / rows) : ROW;
    let top = AXIS + GAP;
    const placed = lanes.map(lane => {
      const place = {lane, label: top + LABEL - 8, top: top + LABEL};
      top += LABEL + lane.rows * row + GAP;
      return place;
    });
    return {placed, row, height};
  }

  draw() {
    const {view, canvas, context} = this, {journal, end} = view;
    const {placed, row, height} = this.layout = this.#layout();
    const width = canvas.parentElement.clientWidth, ratio = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.height = `${height}px`;
    }
    this.colors ??= colorsOf(document.documentElement);
    const {from, to} = this.range = this.#range(), scale = width / (to - from), colors = this.colors;
    const now = view.now, x = time => (time - from) * scale;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = colors.panel;
    context.fillRect(0, 0, width, height);
    this.#axis(x, from, to, width, height, view.started);
    const rects = {}, odd = [], put = (color, ...rect) => (rects[color] ??= []).push(...rect);
    const thick = Math.max(row - (row > 4 ? 3 : 0), 1), travels = view.travels, every = Math.max(Math.floor(1 / row), 1);
    context.font = '11.5px system-ui, sans-serif';
    for (const {lane, label, top} of placed) {
      context.fillStyle = colors.quiet;
      context.fillText(lane.name, 6, label);
      for (const one of lane.invocations) {
        if (one.accepted > to || (one.over && one.last < from)) continue;
        if (one.positions[0] >= end) break;
        if (!view.matches(one)) continue;
        const y = top + one.row * row, whole = one.over && (!travels || one.positions.at(-1) < end);
        const left = x(one.accepted), right = x(one.over ? one.last : now);
        for (const {at, position} of one.deviations) if (position < end && at >= from && at <= to) odd.push(x(at), y);
        if (one.row % every) {  // too low to be told from its neighbours: its failures alone are drawn
          for (const mark of one.marks)
            if (mark.bad && mark.position < end && mark.at >= from && mark.at <= to) put('bad', x(mark.at) - 1.5, y, 3, 1);
          continue;
        }
        if (right - left < 1.5 && whole) {  // too short for its parts to be told apart
          put(one.marks.some(mark => mark.bad) ? 'bad' : 'good', left - 1, y, 3, thick);
          continue;
        }
        for (const segment of one.segments) {
          if (segment.begin >= end) break;
          const until = segment.end < end ? segment.to : now;
          if (until < from || segment.from > to) continue;
          const begin = Math.max(x(segment.from), -2), size = Math.max(Math.min(x(until), width + 2) - begin, 1);
          put(segment.failed < end ? 'bad' : segment.phase, begin, y, size, thick);
        }
        for (const mark of one.marks) {
          if (mark.position >= end) break;
          if (mark.at >= from && mark.at <= to)
            put(mark.bad ? 'bad' : 'good', x(mark.at) - 1.5, y - (thick > 5 ? 1 : 0), 3, thick + (thick > 5 ? 2 : 0));
        }
        const state = whole ? null : journal.state(one, end);
        const due = state?.until && state.phase !== 'over' ? instant(state.until) : null;
        if (due !== null && due > now) put('future', Math.max(x(now), -2), y + thick / 4, Math.min(x(due), width + 2) - Math.max(x(now), -2), Math.max(thick / 2, 1));
      }
      for (const timer of travels ? [] : this.timers)
        if (timer.function === lane.name) put('future', x(timer.at) - 2, top, 4, thick);
    }
    for (const [color, all] of Object.entries(rects)) {
      context.fillStyle = colors[color];
      for (let at = 0; at < all.length; at += 4) context.fillRect(all[at], all[at + 1], all[at + 2], all[at + 3]);
    }
    context.fillStyle = colors.odd;  // over all else: where it did not go calmly
    for (let at = 0; at < odd.length; at += 2) context.fillRect(odd[at] - 2, odd[at + 1] - 2, 4, thick + 4);
    this.#links(x, placed, row, thick);
    context.fillStyle = colors.bad;  // what failed outside of any invocation, such as refused requests
    for (const position of journal.failures) {
      if (position >= end) break;
      if (!journal.facts[position].state.status) context.fillRect(x(journal.times[position]) - 1.5, AXIS - 5, 3, 9);
    }
    context.fillStyle = colors.moment;
    context.fillRect(x(now) - 0.75, AXIS - 4, 1.5, height);
  }

  #axis(x, from, to, width, height, started) {
    const {context, colors} = this, least = (to - from) * 90 / width;
    const step = STEPS.find(each => each >= least) ?? Math.ceil(least / 2592e6) * 2592e6;
    context.font = '11px system-ui, sans-serif';
    for (let at = started + Math.ceil((from - started) / step) * step; at <= to; at += step) {
      context.fillStyle = colors.rule;
      context.fillRect(Math.round(x(at)), AXIS - 4, 1, height);
      context.fillStyle = colors.quiet;
      context.fillText(offset(at - started), Math.max(x(at) - 14, 2), 13);
    }
  }

  // What the selected invocation was caused by, and what it caused; its own frame.
  #links(x, placed, row, thick) {
    const {view, context, colors} = this, {journal, end} = view, one = journal.invocations.get(view.selected);
    if (!one) return;
    const place = other => {
      const lane = placed.find(each => each.lane === other.lane);
      return lane && other.positions[0] < end ? {y: lane.top + other.row * row, x: x(other.accepted), last: x(other.over ? other.last : view.now)} : null;
    };
    const here = place(one);
    if (!here) return;
    context.strokeStyle = colors.strong;
    context.lineWidth = 1.5;
    context.strokeRect(here.x - 3, here.y - 2.5, Math.max(here.last - here.x, 1) + 6, thick + 5);
    const root = one.root === one.id ? null : journal.invocations.get(one.root);
    const pairs = [...one.caused.slice(0, 200).map(each => [one, each]), ...root ? [[root, one]] : []];
    for (const [cause, effect] of pairs) {
      const begin = place(cause), there = place(effect);
      if (!begin || !there) continue;
      context.beginPath();
      context.moveTo(there.x, begin.y + thick);
      context.lineTo(there.x, there.y);
      context.stroke();
    }
  }

  #pick(event) {
    const {placed, row} = this.layout, {from, to} = this.range, {end} = this.view;
    const scale = this.canvas.clientWidth / (to - from), x = time => (time - from) * scale;
    let best = null, least = 12;
    for (const {lane, top} of placed)
      for (const one of lane.invocations) {
        const y = top + (one.row + 0.5) * row, left = x(one.accepted), right = x(Math.max(one.last, one.over ? 0 : this.view.now));
        if (one.positions[0] >= end || !this.view.matches(one)) continue;
        const far = Math.max(left - event.offsetX, event.offsetX - right, 0) + Math.max(Math.abs(y - event.offsetY) - row / 2, 0);
        if (far < least) [best, least] = [one, far];
      }
    if (best) this.view.select(best.id);
  }
}

function colorsOf(element) {
  const style = getComputedStyle(element), names = [...LEGEND.map(([name]) => name), 'panel', 'quiet', 'rule', 'strong', 'ink'];
  return Object.fromEntries(names.map(name => [name, style.getPropertyValue(`--${name}`).trim()]));
}
