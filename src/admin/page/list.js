// The list of events: what the journal has, and what comes, as it comes.

import { get } from './api.js';
import { Detail } from './detail.js';
import { clock, count, fill, h, perFrame, pill, snippet, took } from './dom.js';
import { Live } from './live.js';
import { Rows } from './rows.js';
import { language, t } from './words.js';

/** Pages that are looked through by themselves where a filter is choosy; then a person is asked. */
const LOOKS = 20;

/** Events that the page holds; the oldest go when there are more. */
const HELD = 20_000;

export class EventsView {
  #items = [];
  #known = new Map();
  #roads = new Map();
  #next = null;
  #loading = false;
  #paused = false;
  #waiting = [];
  #fresh = 0;
  #looks = 0;
  #filters;

  constructor(shared) {
    this.shared = shared;
    shared.filters ??= new Map();
    this.#filters = shared.filters;
    this.rows = new Rows({
      label: t('listOfEvents'),
      makeRow,
      fillRow: (element, item) => this.#fillRow(element, item),
      open: (item) => { location.hash = `#/events/${item.id}`; },
      nearEnd: () => this.#older(),
      scrolled: (top) => { if (top < 4) this.#seen(); },
    });
    this.fresh = h('button.fresh', { type: 'button', hidden: true, onclick: () => { this.rows.top(); this.#seen(); } });
    this.placeholder = h('div');
    this.left = h('.left', null, columns(), this.placeholder, this.fresh, this.rows.element);
    this.detail = new Detail(shared, () => { location.hash = '#/events'; });
    this.split = h('.split', null, this.left, this.detail.element);
    this.element = h('.split', null, h('.left', null, this.#filterBar(), this.split));
    this.live = new Live({
      events: (events) => this.#comes(events),
      roads: (roads) => this.#learns(roads),
      gap: ({ after, until }) => { shared.notice.textContent = t('missed', count(until - after)); this.#load(); },
      state: (word) => { if (shared.stateWord !== word) { shared.stateWord = word; fill(shared.state, t(word)).className = `state ${word}`; } shared.state.hidden = false; },
    }, () => this.#query());
    this.take = perFrame(() => this.#take());
  }

  begins() {
    this.shared.stateWord = '';
    this.#load();
  }

  ends() {
    this.live.stop();
    this.rows.ends();
    this.detail.show(null);
  }

  /** Shows one event beside the list, or none. */
  opens(id) {
    this.split.classList.toggle('open', Boolean(id));
    this.detail.show(id);
    if (id) this.rows.select((item) => item.id === id);
  }

  /** Requests were refused: where there is nothing else to see, that is what a person looks for. */
  refuses() {
    if (!this.#items.length) this.#draw(0);
  }

  #query() {
    const query = new URLSearchParams();
    for (const [name, value] of this.#filters) if (value) query.set(name, value);
    return query;
  }

  async #load() {
    this.live.stop();
    this.#loading = true;
    const asked = this.#query().toString();
    try {
      const { events, next, last } = await get(`/api/events?${asked}`);
      if (asked !== this.#query().toString()) return;
      this.#items = events.reverse();
      this.#known = new Map(this.#items.map((item) => [item.id, item]));
      this.#waiting = [];
      this.#looks = 0;
      this.#next = next;
      this.#items.forEach((item) => { item.used = this.#roads.get(item.id); });
      this.#draw(0);
      this.live.start(last);
    } catch (error) {
      this.shared.notice.textContent = error.status === 401 ? '' : t('failed', error.message);
    } finally {
      this.#loading = false;
    }
    this.#further();
  }

  async #older() {
    if (this.#loading || this.#next === null || this.#items.length >= HELD) return;
    this.#loading = true;
    const query = this.#query();
    query.set('before', this.#next);
    query.set('limit', 500);
    try {
      const { events, next } = await get(`/api/events?${query}`);
      const older = events.reverse().filter((item) => !this.#known.has(item.id));
      older.forEach((item) => this.#known.set(item.id, item));
      this.#items = older.concat(this.#items);
      this.#next = next;
      this.#draw(0);
    } catch { /* the next scrolling asks again */ } finally {
      this.#loading = false;
    }
    this.#further();
  }

  /** Few rows fit where a filter is choosy: looks further back, but not through years. */
  #further() {
    if (this.#items.length >= 50 || this.#next === null) return;
    this.#looks += 1;
    if (this.#looks <= LOOKS) this.#older();
    else this.#draw(0);
  }

  /** Events come: they wait for the next frame, however many messages there are. */
  #comes(events) {
    this.#waiting.push(...events);
    if (!this.#paused) this.take();
  }

  #take() {
    const all = this.#waiting.filter((item) => !this.#known.has(item.id));
    this.#waiting = [];
    if (!all.length) return;
    for (const item of all) {
      item.used = this.#roads.get(item.id);
      this.#known.set(item.id, item);
      this.#items.push(item);
    }
    if (this.#items.length > HELD + 2000) {
      this.#items.splice(0, this.#items.length - HELD).forEach((item) => this.#known.delete(item.id));
      this.#next = null;
    }
    if (this.rows.element.scrollTop > 4) this.#fresh += all.length;
    this.#draw(all.length);
  }

  #learns(roads) {
    for (const road of roads) {
      this.#roads.set(road.id, road.answered);
      const item = this.#known.get(road.id);
      if (item) { item.used = road.answered; item.stamp = (item.stamp ?? 0) + 1; }
    }
    if (this.#roads.size > HELD) {
      for (const id of this.#roads.keys()) { this.#roads.delete(id); if (this.#roads.size <= HELD / 2) break; }
    }
    this.rows.draw();
  }

  #seen() {
    this.#fresh = 0;
    this.fresh.hidden = true;
  }

  #draw(added) {
    this.rows.show(this.#items, added);
    this.fresh.hidden = this.#fresh === 0;
    this.fresh.textContent = `↑ ${t('newOnes', count(this.#fresh))}`;
    const none = this.#items.length === 0;
    this.rows.element.hidden = none;
    fill(this.placeholder, none && this.#empty());
  }

  #empty() {
    if (this.#query().toString()) return h('.empty', null, h('h2', null, t('nothingFits')), h('p', null, t('nothingFitsHint')),
      this.#next !== null && h('button', { type: 'button', onclick: () => { this.#looks = 0; this.#older(); } }, t('lookFurther')));
    const { session } = this.shared;
    const path = session.endpoints.find((endpoint) => endpoint.family === 'yunxin.callback')?.path ?? '/';
    const { refusals } = this.shared;
    return h('.empty', null, h('h2', null, t('waitingFor')),
      refusals > 0 && h('p.said.bad', { role: 'status' }, t('butRefused', count(refusals)), ' ', h('a', { href: '#/refusals' }, t('seeWhy'))),
      h('p', null, t('waitingHint')),
      snippet(`offhook send call.start --to ${session.public}${path}`),
      session.samples && h('a.button', { href: '#/send' }, t('sendSample')));
  }

  #filterBar() {
    const field = (name, control) => h('label', null, h('span.hidden', null, t(name)), control);
    const change = (name) => (event) => {
      this.#filters.set(name, event.target.value.trim());
      this.shared.notice.textContent = '';
      this.#load();
    };
    const input = (name, placeholder, wide) => field(name, h(wide ? 'input.wide' : 'input', {
      name, type: 'search', placeholder: placeholder ?? t(name), onchange: change(name), autocomplete: 'off', spellcheck: false, value: this.#filters.get(name) ?? '',
      list: name === 'kind' ? 'kinds' : undefined,
    }));
    const since = h('select', { name: 'since', onchange: change('since') },
      [['', `${t('since')}: ${t('any')}`], ['15m', t('last15m')], ['1h', t('last1h')], ['24h', t('last24h')], ['7d', t('last7d')]]
        .map(([value, text]) => h('option', { value, selected: value === this.#filters.get('since') }, text)));
    const names = Object.keys(this.shared.kinds);
    const groups = [...new Set(names.map((name) => `${name.split('.')[0]}.*`))];
    const pause = h('button', { type: 'button', 'aria-pressed': 'false', 'data-do': 'pause', onclick: () => {
      this.#paused = !this.#paused;
      pause.setAttribute('aria-pressed', String(this.#paused));
      pause.textContent = t(this.#paused ? 'resume' : 'pause');
      if (!this.#paused) this.take();
    } }, t('pause'));
    const verdict = input('verdict', t('byHint'), true);
    const bar = h('form.filters', { role: 'search', 'aria-label': t('filters'), onsubmit: (event) => event.preventDefault() },
      input('kind', t('kindHint'), true), verdict, input('account'), input('app'), field('since', since),
      input('until', `${t('until')} (15m)`), input('id'),
      h('datalist', { id: 'kinds' }, [...groups, ...names].map((value) => h('option', { value }))),
      h('datalist', { id: 'verdicts' }, ['allow', 'reject', 'default', 'rule:*', 'fallback:*'].map((value) => h('option', { value }))),
      h('button.plain', { type: 'button', onclick: () => { bar.querySelectorAll('input, select').forEach((field) => { field.value = ''; }); this.#filters.clear(); this.shared.notice.textContent = ''; this.#load(); } }, t('clear')),
      h('span.grow'), pause);
    verdict.querySelector('input').setAttribute('list', 'verdicts');
    return bar;
  }

  #fillRow(row, item) {
    const deadline = this.shared.session.deadline_ms * 1000;
    const { cells } = row;
    cells.time.textContent = clock(item.time);
    fill(cells.verdict, verdictPill(item));
    fill(cells.kind, item.kind, h('small', null, title(this.shared.kinds, item.kind)));
    cells.actor.textContent = item.subject ?? '';
    cells.app.textContent = item.app;
    cells.by.textContent = item.family === 'yunxin.callback' ? item.by : '';
    if (item.used === undefined) {
      cells.used.hidden = true;
      row.setAttribute('aria-label', `${item.kind} ${item.verdict ?? ''} ${item.subject ?? ''} ${clock(item.time)}`);
      return;
    }
    const share = item.used / deadline;
    cells.used.hidden = false;
    cells.fill.style.width = `${Math.min(100, share * 100)}%`;
    cells.fill.className = `fill${share > 0.9 ? ' bad' : share > 0.5 ? ' warn' : ''}`;
    cells.ms.textContent = took(item.used);
    cells.used.title = t('ofBudget', took(item.used), took(deadline));
    row.setAttribute('aria-label', `${item.kind} ${item.verdict ?? ''} ${item.subject ?? ''} ${clock(item.time)} ${took(item.used)}`);
  }
}

/** What was answered; an event that only tells was taken, and that is all. */
export function verdictPill({ family, verdict, code }) {
  if (family !== 'yunxin.callback') return pill(t('taken'));
  return verdict && pill(verdict === 'reject' ? `${t('reject')} ${code}` : t('allow'), verdict);
}

/** A kind in words, where it is documented. */
export function title(kinds, kind) {
  return kinds[kind]?.[language() === 'zh' ? 1 : 0] ?? '';
}

function columns() {
  const names = ['time', 'verdict', 'kind', 'actor', 'app', 'by', 'used'];
  return h('.columns', { 'aria-hidden': 'true' }, names.map((name) => h(`span.${name}`, null, t(name))));
}

function makeRow() {
  const cells = {
    time: h('span.time'), verdict: h('span.verdict'), kind: h('span.kind'), actor: h('span.actor'), app: h('span.app'), by: h('span.by'),
    fill: h('.fill'), ms: h('span.ms'),
  };
  cells.used = h('.used', null, h('.track', null, cells.fill), cells.ms);
  const row = h('.row', { role: 'option' }, cells.time, cells.verdict, cells.kind, cells.actor, cells.app, cells.by, h('.usedcell', null, cells.used));
  row.cells = cells;
  return row;
}
