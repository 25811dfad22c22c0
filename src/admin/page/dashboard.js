// The overview: rate, verdicts, time to answer against the deadline, refusals, handlers and what they parked.

import { get } from './api.js';
import { bars, lines } from './chart.js';
import { card, clock, count, fill, h, moment, pill, size, took } from './dom.js';
import { parkedActions } from './detail.js';
import { title } from './list.js';
import { t } from './words.js';

const EVERY = 2000;

/** Looks this close together tell little of a rate. */
const APART = 1500;

export class Dashboard {
  #timer = null;
  #ended = false;
  #own = [];

  constructor(shared) {
    this.shared = shared;
    this.page = h('.page', null, h('p.dim', null, t('loading')));
    this.element = h('.scroll', null, this.page);
  }

  begins() {
    this.shared.state.hidden = true;
    this.#load();
  }

  ends() {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  async #load() {
    clearTimeout(this.#timer);
    try {
      const [numbers, lanes, parked] = await Promise.all([get('/api/numbers'), get('/api/lanes'), get('/api/parked')]);
      if (!this.#ended) this.#draw(numbers, lanes, parked);
    } catch (error) {
      if (error.status === 401) return;
      this.shared.notice.textContent = t('failed', error.message);
    }
    if (!this.#ended) this.#timer = setTimeout(() => this.#load(), EVERY);
  }

  #draw(told, { lanes }, { parked, total }) {
    this.shared.notice.textContent = told.degraded ? t('degraded') : '';
    const looks = this.#looks(told.looks);
    const sum = (name, test = () => true) => told.numbers.filter((one) => one.name === name && test(one.labels)).reduce((sum, one) => sum + one.value, 0);
    const parkedOf = (handler) => told.numbers.find((one) => one.name === 'offhook_delivery_lag_seconds' && one.labels.handler === handler)?.value;
    const rates = rateOf(looks);
    const now = rates.at(-1);
    const quantiles = [0.5, 0.95, 0.99].map((share) => latest(quantileOf(looks, told.bounds, share)));
    const tile = (value, name) => h('.tile', null, h('b', null, value), h('span', null, name));
    const width = Math.max(280, Math.min(560, this.page.clientWidth - 32));
    const active = document.activeElement?.closest('[data-do]');
    if (active && this.page.contains(active)) return; // a button is being used
    fill(this.page,
      h('.tiles', null,
        tile(now ? (now.allow + now.reject + now.other).toFixed(1) : '0', `${t('rate')}`),
        tile(quantiles[0] === null ? '—' : took(Math.round(quantiles[0] * 1e6)), 'p50'),
        tile(quantiles[2] === null ? '—' : took(Math.round(quantiles[2] * 1e6)), 'p99'),
        tile(count(sum('offhook_requests_total')), `${t('events')} · ${t('since_start')}`),
        tile(count(sum('offhook_refusals_total')), t('refused')),
        tile(count(sum('offhook_fallbacks_total')), t('fallback')),
        tile(count(sum('offhook_in_flight')), t('inFlight')),
        tile(count(sum('offhook_unkept_total')), t('unkept')),
        tile(count(sum('offhook_platform_failures_total')), t('notUsed')),
        tile(size(sum('offhook_journal_bytes')), `${t('journalSize')} · ${size(sum('offhook_journal_free_bytes'))} ${t('freeSpace')}`)),
      h('.two', null,
        card([t('rate'), h('span.dim', null, t('last30m'))], rates.length < 2 ? h('p.dim', null, t('nothingYet')) : lines({
          width, label: t('rate'), unit: (value) => (value < 10 ? value.toFixed(1) : count(value)),
          series: [['allow', 0, true], ['reject', 1, true], ['refused', 2, false]].map(([name, hue, area]) => ({ name: t(name), hue, area, points: rates.map((rate) => [rate.at, rate[name]]) })),
        })),
        card([t('latency'), h('span.dim', null, t('latencyNote', took(told.deadline * 1e6)))], this.#latency(looks, told, width)),
        card(t('byKind'), this.#kinds(told.numbers)),
        card(t('byReason'), this.#reasons(told.numbers))),
      card(t('lanes'), this.#lanes(lanes, parkedOf)),
      card([t('parkedTitle'), total > 0 && h('span.dim', null, count(total))], this.#parked(parked)));
  }

  /** What the server looked at, and our own looks since; the last one of each moment. */
  #looks(looks) {
    const newest = looks.at(-1);
    if (!this.#own.length || newest.at - this.#own.at(-1).at >= APART) this.#own.push(newest);
    this.#own = this.#own.slice(-300);
    const all = [...looks.slice(0, -1), ...this.#own].sort((one, other) => one.at - other.at);
    return all.filter((look, place) => place === 0 || look.at - all[place - 1].at >= APART / 2);
  }

  #latency(looks, { bounds, deadline }, width) {
    const series = [['p50', 0.5, 0], ['p95', 0.95, 3], ['p99', 0.99, 2]].map(([name, share, hue]) => ({ name, hue, points: quantileOf(looks, bounds, share) }));
    if (!series[0].points.some(([, value]) => value !== null)) return h('p.dim', null, t('nothingYet'));
    return lines({ width, label: t('latency'), log: true, series, unit: (value) => took(Math.round(value * 1e6)).replace('.0', ''), limit: { value: deadline, name: t('deadline') } });
  }

  #kinds(numbers) {
    const kinds = new Map();
    for (const { name, labels, value } of numbers) {
      if (name !== 'offhook_requests_total') continue;
      const row = kinds.get(labels.kind) ?? [0, 0];
      row[labels.answer === 'reject' ? 1 : 0] += value;
      kinds.set(labels.kind, row);
    }
    const rows = [...kinds].map(([kind, [one, other]]) => [kind, title(this.shared.kinds, kind), one, other]).sort((a, b) => b[2] + b[3] - a[2] - a[3]);
    if (!rows.length) return h('p.dim', null, t('nothingYet'));
    return [bars(rows.slice(0, 10)), h('.legend', null, h('span.key0', null, t('allow')), h('span.key1', null, t('reject')))];
  }

  #reasons(numbers) {
    const rows = numbers.filter((one) => one.name === 'offhook_refusals_total').map(({ labels, value }) => [labels.reason, '', 0, value]).sort((a, b) => b[3] - a[3]);
    if (!rows.length) return h('p.dim', null, t('noRefusals'));
    return [bars(rows.slice(0, 10)), h('p', null, h('a', { href: '#/refusals' }, t('seeRefusals')))];
  }

  #lanes(lanes, lagOf) {
    if (!lanes.length) return h('p.dim', null, t('noHandlers'));
    const head = h('tr', null, ['handler', 'takes', 'behind', 'lag', 'parked', 'state'].map((name) => h('th', { scope: 'col' }, t(name))));
    const rows = lanes.map(({ handler, kinds, behind, parked, trouble }) => {
      const lag = lagOf(handler);
      return h('tr', null, h('td', null, handler), h('td.dim', null, kinds?.length ? kinds.join(', ') : t('allKinds')), h('td', null, count(behind)),
        h('td', null, lag === undefined ? '' : took(Math.round(lag * 1e6))), h('td', null, parked ? pill(count(parked), 'bad') : '0'),
        h('td', null, trouble ? [pill(t('failing'), 'warn'), ' ', trouble.why, h('p.faint', null, t('nextTry', clock(trouble.next_try)))] : pill(behind ? t('waiting') : t('upToDate'), behind ? '' : 'ok')));
    });
    return h('.wide-table', null, h('table', null, head, rows));
  }

  #parked(parked) {
    if (!parked.length) return h('p.dim', null, t('nothingParked'));
    const head = h('tr', null, ['handler', 'kind', 'attempts', 'why', 'time', 'state'].map((name) => h('th', { scope: 'col' }, t(name))));
    const rows = parked.slice(0, 100).map((one) => h('tr', null, h('td', null, one.handler), h('td', null, h('a', { href: `#/events/${one.id}` }, one.kind)), h('td', null, one.attempts), h('td', null, one.why),
      h('td.dim', null, moment(one.at)), h('td', null, one.asked ? t('beingRetried') : parkedActions(this.shared, one, () => { document.activeElement?.blur(); this.#load(); }))));
    return h('.wide-table', null, h('table', null, head, rows));
  }
}

/** What came in each second between looks. */
function rateOf(looks) {
  return looks.slice(1).map((look, place) => {
    const before = looks[place];
    const seconds = Math.max(0.001, (look.at - before.at) / 1000);
    const rate = (name) => Math.max(0, look[name] - before[name]) / seconds;
    return { at: look.at, allow: rate('allow'), reject: rate('reject'), other: rate('other'), refused: rate('refused') };
  });
}

/** The time within which a share of the answers was given, between looks; null where there were none. */
function quantileOf(looks, bounds, share) {
  return looks.slice(1).map((look, place) => {
    const grown = look.buckets.map((value, bucket) => value - (looks[place].buckets[bucket] ?? 0));
    const total = grown.at(-1);
    if (!(total > 0)) return [look.at, null];
    const bucket = grown.findIndex((value) => value >= total * share);
    const [low, high] = [bucket ? bounds[bucket - 1] : 0, bounds[bucket] ?? bounds.at(-2)];
    const [below, inside] = [bucket ? grown[bucket - 1] : 0, grown[bucket] - (bucket ? grown[bucket - 1] : 0)];
    return [look.at, low + (high - low) * (inside ? (total * share - below) / inside : 1)];
  });
}

function latest(points) {
  return points.findLast(([, value]) => value !== null)?.[1] ?? null;
}
