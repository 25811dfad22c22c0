// One event, whole: its road, its verdict, its deliveries, why it was believed, what was sent.

import { get, post } from './api.js';
import { add, ago, card, clock, copy, fill, h, moment, pill, say, size, took } from './dom.js';
import { pretty } from './json.js';
import { title, verdictPill } from './list.js';
import { road } from './road.js';
import { has, t } from './words.js';

/** How often it is looked again while something is under way that was asked for here, and for how long. */
const LOOK = 400;
const LOOKS = 50;

/** How often it is looked again while a delivery is under way. */
const LOOK_AGAIN = 2000;

export class Detail {
  #id = null;
  #data = null;
  #raw = false;
  #timer = null;
  #deliveriesCard = null;

  constructor(shared, close) {
    this.shared = shared;
    this.close = close;
    this.element = h('aside.detail', { hidden: true, 'aria-label': t('events'), onkeydown: (event) => { if (event.key === 'Escape') close(); } });
  }

  /** Shows the event `id`, or nothing. */
  async show(id) {
    this.element.hidden = !id;
    if (!id || id === this.#id) { if (!id) this.#id = null; return; }
    this.#id = id;
    this.#raw = false;
    fill(this.element, this.#bar(), h('p.dim', null, t('loading')));
    await this.#load(() => get(`/api/events/${encodeURIComponent(id)}`));
    this.element.querySelector('button')?.focus({ preventScroll: true });
  }

  async #load(ask) {
    const id = this.#id;
    try {
      const data = await ask();
      if (id === this.#id) { this.#data = data; this.#draw(); }
      return data;
    } catch (error) {
      if (id === this.#id) fill(this.element, this.#bar(), h('.empty', null, h('h2', null, error.status === 404 ? t('noSuchEvent') : t('failed', '')), h('p', null, error.message)));
      return null;
    }
  }

  #bar() {
    return h('.actions', null, h('button', { type: 'button', 'data-do': 'close', onclick: this.close }, `← ${t('close')}`));
  }

  #draw() {
    const data = this.#data;
    const { event } = data;
    const deadline = this.shared.session.deadline_ms * 1000;
    fill(this.element,
      h('.head', null, this.#bar(),
        h('h1', null, event.kind, verdictPill(event), h('small', null, title(this.shared.kinds, event.kind))),
        this.#actions(),
        data.masked ? h('p.faint', null, t('unmaskHint')) : h('p.said.warn', { role: 'status' }, t('unmasked'))),
      this.#facts(),
      card(t('road'), road(data.road, deadline)),
      card(t('verdictTitle'), this.#verdict()),
      this.#platform(),
      this.#deliveriesCard = card(t('deliveries'), this.#deliveries()),
      card(t('checks'), this.#checks()),
      this.#body(),
      card(t('headers'), data.headers.length ? h('dl', null, data.headers.map(([name, value]) => [h('dt', null, name), h('dd.mono', null, value)])) : '—', h('p.faint', null, t('headersNote'))));
    this.#follow();
  }

  /** Looks again as long as a delivery is under way; only their card is drawn anew, and only where something changed. */
  #follow() {
    clearTimeout(this.#timer);
    if (!this.#data.deliveries.some(({ state }) => state === 'waiting' || state === 'failing')) return;
    const id = this.#id;
    this.#timer = setTimeout(async () => {
      const { deliveries } = await get(`/api/events/${encodeURIComponent(id)}`).catch(() => this.#data);
      if (id !== this.#id) return;
      if (JSON.stringify(deliveries) !== JSON.stringify(this.#data.deliveries)) {
        this.#data.deliveries = deliveries;
        const drawn = card(t('deliveries'), this.#deliveries());
        this.#deliveriesCard.replaceWith(drawn);
        this.#deliveriesCard = drawn;
      }
      this.#follow();
    }, LOOK_AGAIN);
  }

  #actions() {
    const { curl, send, masked, event } = this.#data;
    const command = (text) => async () => { await copy(text); if (masked) say(t('copiesMasked')); };
    const act = (what, name, onclick) => h('button', { type: 'button', 'data-do': name, onclick }, t(what));
    return h('.actions', null,
      this.#replay(),
      curl && act('copyCurl', 'curl', command(curl)),
      send && act('copySend', 'send', command(send)),
      act('copyLink', 'link', () => copy(location.href)),
      act('copyId', 'id', () => copy(event.id)),
      masked && act('unmask', 'unmask', () => this.#load(() => post(`/api/events/${event.id}/unmask`))));
  }

  #replay() {
    const { write, handlers } = this.shared.session;
    if (!handlers.length) return null;
    const to = h('select', { 'aria-label': t('replayTo'), disabled: !write }, handlers.map((name) => h('option', { value: name }, name)));
    return [to, h('button.main', { type: 'button', 'data-do': 'replay', disabled: !write, title: write ? t('replayTo') : t('readOnly'), onclick: () => this.#again(to.value) }, t('replay'))];
  }

  async #again(handler) {
    const { id } = this.#data.event;
    try {
      const { replay } = await post('/api/replays', { handler, id });
      say(t('replayAsked', replay));
      const state = await until(() => get(`/api/replays/${replay}`), (state) => state.ended);
      say(state?.parked ? t('replayParked') : state?.ended ? t('replayDone', handler) : t('replayAsked', replay));
      this.#load(() => get(`/api/events/${id}`));
    } catch (error) {
      say(t('failed', error.message));
    }
  }

  #facts() {
    const { event, sent_at: sent, source, peer } = this.#data;
    const sentMs = Number(sent);
    const fact = (name, value) => value !== null && value !== undefined && value !== '' && [h('dt', null, t(name)), h('dd', null, value)];
    return h('section.card', null, h('dl', null,
      fact('id', h('span.mono', null, event.id)),
      fact('received', `${moment(event.time)} · ${ago(event.time)}`),
      fact('sentAt', sentMs > 1e11 && moment(sentMs)),
      fact('family', h('span.mono', null, source)),
      fact('actor', this.#data.subject ?? event.subject),
      fact('peer', peer),
      fact('bytes', size(event.bytes)),
      fact('position', String(event.position))));
  }

  #verdict() {
    const { decision, shadows, event } = this.#data;
    if (!decision || event.family !== 'yunxin.callback') return h('p.dim', null, t('noVerdict'));
    const rows = [
      h('p', null, pill(t(decision.verdict), decision.verdict), ' ', h('span.mono', null, decision.code), ' · ', h('span.mono', null, decision.by)),
      h('p.dim', null, because(decision.by)),
      decision.ext && h('dl', null, h('dt', null, t('ext')), h('dd', null, decision.ext)),
      decision.modify && h('div', null, h('p.dim', null, t('modify')), pretty(decision.modify)),
    ];
    if (!shadows.length) return rows;
    return [rows, h('p.dim', null, t('shadowsTitle')), h('table', null, shadows.map((shadow) => h('tr', null,
      h('td', null, shadow.decider),
      h('td', null, shadow.verdict ? pill(shadow.verdict === 'reject' ? `${t('reject')} ${shadow.code}` : t('allow'), shadow.verdict) : t('noOpinion')),
      h('td.mono', null, shadow.by ?? ''))))];
  }

  #deliveries() {
    const { deliveries } = this.#data;
    if (!deliveries.length) return h('p.dim', null, t('noHandlers'));
    const looks = { delivered: 'ok', passed: 'ok', parked: 'bad', failing: 'warn' };
    const head = h('tr', null, ['handler', 'state', 'attempts', 'answer'].map((name) => h('th', { scope: 'col' }, t(name))));
    const rows = deliveries.map((one) => h('tr', { 'data-handler': one.handler }, h('td', null, one.handler), h('td', null, pill(t(one.state), looks[one.state])),
      h('td', null, one.attempts ?? ''),
      h('td', null, one.tries.length ? tries(one.tries) : one.why, one.next_try && h('p.faint', null, t('nextTry', clock(one.next_try))), one.at && h('p.faint', null, moment(one.at)),
        one.state === 'parked' && this.#parkedActions(one))));
    return [h('.wide-table', null, h('table', null, head, rows)), deliveries.some((one) => one.state === 'passed') && h('p.faint', null, t('passedNote'))];
  }

  #parkedActions(one) {
    if (one.asked) return h('p.faint', null, t('beingRetried'));
    return parkedActions(this.shared, one, () => this.#load(() => get(`/api/events/${one.id}`)));
  }

  #checks() {
    const { checks, event } = this.#data;
    if (!checks) return h('p.dim', null, t(event.kind === 'verdict.overruled' ? 'checksOurs' : 'checksOther'));
    const age = checks.age_ms;
    return [h('table', null, checks.findings.map((finding) => h('tr', null,
      h('td', null, h(finding.passed ? 'span.tick' : 'span.cross', { 'aria-label': finding.passed ? '✓' : '✗' }, finding.passed ? '✓' : '✗')),
      h('td', null, t(`check_${finding.check}`)), h('td', null, finding.text)))),
    checks.cause && h('p.said.warn', null, checks.cause),
    age !== null && h('p.faint', null, t(age < 0 ? 'ageAhead' : 'age', took(Math.abs(age) * 1000))),
    h('p.faint', null, t('checksNote'))];
  }

  #platform() {
    const { failure, tells_of: tells } = this.#data;
    if (!failure && !tells) return null;
    const link = (id) => id && h('a', { href: `#/events/${id}` }, t('openIt'));
    return card(t('platform'),
      failure && h('p.said.bad', null, t('notTaken', t(failure.why)), ' ', moment(failure.at), ' ', link(failure.copy)),
      tells && h('p.said.warn', null, t('tellsOf', t(tells.why)), ' ', link(tells.event)));
  }

  #body() {
    const { data, raw, masked } = this.#data;
    const section = card(t('body'));
    const tab = (name, on) => h('button', { type: 'button', 'data-do': name, 'aria-pressed': String(on), onclick: () => { this.#raw = name === 'raw'; section.replaceWith(this.#body()); } }, t(name));
    section.firstChild.append(h('span.grow'), tab('pretty', !this.#raw), tab('raw', this.#raw), h('button', { type: 'button', onclick: () => copy(raw ?? data) }, t('copy')));
    if (!this.#raw) section.append(pretty(data));
    else add(section, [masked ? h('p.dim', null, t('rawMasked')) : h('pre.json', { tabIndex: 0 }, raw)]);
    return section;
  }
}

/** What became of each attempt, oldest first. */
function tries(all) {
  const looks = { done: 'ok', retry: 'warn', pause: 'warn', gave_up: 'bad' };
  return h('ol.tries', null, all.map(({ at, took_us: us, ended, answer, asked }) => h('li', null,
    h('span.faint', { title: moment(at) }, clock(at)), pill(t(`end_${ended}`), looks[ended]), answer && h('span', null, answer), h('span.faint', null, took(us)), asked && h('span.faint', null, t('askedFor')))));
}

/** Buttons of a parked delivery. */
export function parkedActions(shared, one, done) {
  const { write } = shared.session;
  const meant = { handler: one.handler, id: one.id };
  const act = (name, path, told, sure) => h('button', { type: 'button', 'data-do': name, disabled: !write, title: write ? '' : t('readOnly'), onclick: async () => {
    if (sure && !confirm(t('dropSure'))) return;
    try {
      await post(path, meant);
      say(t(told));
      const gone = ({ parked }) => !parked.some((other) => other.handler === one.handler && other.id === one.id && other.asked);
      await until(() => get('/api/parked'), gone);
      done();
    } catch (error) {
      say(t('failed', error.message));
    }
  } }, t(name));
  return h('.actions', null, act('retry', '/api/parked/retry', 'retryAsked'), act('drop', '/api/parked/drop', 'dropDone', true));
}

/** Asks until `test` is true of the answer, for a while. */
async function until(ask, test) {
  for (let look = 0; look < LOOKS; look += 1) {
    const answer = await ask();
    if (test(answer)) return answer;
    await new Promise((wake) => { setTimeout(wake, LOOK); });
  }
  return null;
}

/** Who gave a verdict, in words. */
function because(by) {
  if (by === 'default') return t('byDefault');
  const [what, name] = [by.split(':')[0], by.slice(by.indexOf(':') + 1)];
  if (what === 'rule') return t('byRule', name);
  if (what !== 'fallback') return t('byDecider', by);
  const why = `why${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  return t('byFallback', has(why) ? t(why) : name);
}
