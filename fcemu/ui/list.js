// The invocations as a list of which only the rows in sight are elements.

import {find, h, offset} from 'fcemu/dom.js';

const ROW = 30;

export class List {
  constructor(view) {
    this.view = view;
    this.box = find('invocations');
    this.inner = h('div', {role: 'presentation'});
    this.box.append(this.inner);
    this.rows = [];
    this.box.addEventListener('scroll', () => this.draw());
    this.box.addEventListener('click', event => {
      const row = event.target.closest('.row');
      if (row) view.select(row.dataset.id);
    });
    this.box.addEventListener('keydown', event => {
      const by = {ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9}[event.key];
      if (!by || !this.rows.length) return;
      event.preventDefault();
      event.stopPropagation();
      const at = this.rows.findIndex(one => one.id === view.selected);
      const next = Math.min(Math.max(at + by, 0), this.rows.length - 1);
      view.select(this.rows[next].id);
      this.show(next);
    });
  }

  // Scrolls as far as needed to have a row in sight.
  show(at) {
    const {box} = this, top = at * ROW;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW - box.clientHeight;
  }

  reveal(id) {
    const at = this.rows.findIndex(one => one.id === id);
    if (at >= 0) this.show(at);
  }

  // The newest come first.
  update() {
    const {view} = this, {journal, end} = view, rows = [], key = `${end} ${Object.values(view.filter)}`;
    if (this.key === key && this.of === journal) return this.draw();
    [this.key, this.of] = [key, journal];
    for (const one of journal.invocations.values()) {
      if (one.positions[0] >= end) break;
      if (view.matches(one)) rows.push(one);
    }
    this.rows = rows.reverse();
    this.inner.style.height = `${Math.max(rows.length, 1) * ROW}px`;
    this.box.style.height = `${Math.min(Math.max(rows.length, 2) * ROW + 2, 14 * ROW)}px`;
    find('count').textContent = `${rows.length.toLocaleString('en')} invocation${rows.length === 1 ? '' : 's'}`;
    this.draw();
  }

  draw() {
    const {view, box, rows} = this, first = Math.max(Math.floor(box.scrollTop / ROW) - 3, 0);
    const shown = rows.slice(first, first + Math.ceil((box.clientHeight || 400) / ROW) + 6);
    const made = shown.map((one, at) => {
      const state = view.journal.state(one, view.end);
      return h('div', {
        class: 'row', role: 'option', id: `i-${one.id}`, 'data-id': one.id, 'aria-selected': String(one.id === view.selected),
        'aria-setsize': rows.length, 'aria-posinset': first + at + 1, style: `top: ${(first + at) * ROW}px`,
      }, h('span', {class: `state ${tone(state, one, view)}`}, state.status), h('span', {title: one.id}, one.who, one.deviations.some(each => each.position < view.end) ? odd() : ''),
      h('span', {class: 'at'}, offset(one.accepted - view.started)));
    });
    const nothing = h('p', {class: 'quiet', role: 'option', 'aria-selected': 'false', style: 'padding: .5rem'}, 'none');
    this.inner.replaceChildren(...made.length ? made : [nothing]);
    const selected = shown.some(one => one.id === view.selected);
    if (selected) box.setAttribute('aria-activedescendant', `i-${view.selected}`);
    else box.removeAttribute('aria-activedescendant');
  }
}

// Good, bad, or neither: what the fact that ended it says.
export function tone(state, one, view) {
  if (state.phase !== 'over') return '';
  const end = one.marks.find(mark => mark.over);
  return !end || end.position >= view.end ? '' : end.bad ? 'bad' : 'good';
}

const odd = () => h('span', {class: 'sign', role: 'img', 'aria-label': 'not calm', title: 'an answer of chance, or a fault'}, '\u2009\u25c6\u2009');

// What a fact says, marked where it tells of a failure, or of something that did not go calmly.
export const told = (fact, text) => h('span', {class: fact?.state.deviation ? 'odd' : fact?.state.failure ? 'bad' : ''}, fact?.state.deviation ? odd() : '', text);
