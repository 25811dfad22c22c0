// Recent refusals, each with its reason and its cure.

import { get, post } from './api.js';
import { ago, count, fill, h, moment, pill } from './dom.js';
import { language, t } from './words.js';

const EVERY = 2000;

export class Refusals {
  #timer = null;
  #whole = false;
  #last = '';

  constructor(shared) {
    this.shared = shared;
    this.page = h('.page', { 'aria-live': 'polite' }, h('p.dim', null, t('loading')));
    this.element = h('.scroll', null, this.page);
  }

  begins() {
    this.shared.state.hidden = true;
    this.#load();
  }

  ends() {
    clearTimeout(this.#timer);
    this.#timer = -1;
  }

  async #load() {
    clearTimeout(this.#timer);
    const path = `/api/refusals${this.#whole ? '/unmask' : ''}?lang=${language()}`;
    try {
      const told = this.#whole ? await post(path) : await get(path);
      const text = JSON.stringify(told);
      if (text !== this.#last) { this.#last = text; this.#draw(told); }
    } catch (error) {
      if (error.status === 401) return;
      fill(this.page, h('p.said.bad', null, t('failed', error.message)));
    }
    // Whole addresses are shown once: each time is logged.
    if (this.#timer !== -1 && !this.#whole) this.#timer = setTimeout(() => this.#load(), EVERY);
  }

  #draw({ refusals, cures, masked }) {
    if (!refusals.length) {
      fill(this.page, h('.empty', null, h('h2', null, t('noRefusals')), h('p', null, t('noRefusalsHint')), this.#paths()));
      return;
    }
    fill(this.page,
      h('.actions', null, h('p.dim.grow', null, t('refusalsIntro')),
        masked && h('button', { type: 'button', 'data-do': 'unmask', onclick: () => { this.#whole = true; this.#load(); } }, t('showAddresses'))),
      refusals.map((refusal) => this.#refusal(refusal, cures[refusal.code])),
      this.#paths());
  }

  #refusal(refusal, cure) {
    const { code, message, peer, app, family, proven, at, count: times } = refusal;
    const own = code === '404' ? t('cure404') : code === '405' ? t('cure405') : null;
    return h('article.card.refusal', { 'data-code': code },
      h('.line', null, pill(code, 'bad'), h('b', null, message), times > 1 && pill(t('times', count(times))), h('span.grow'), h('span.faint', { title: moment(at) }, ago(at))),
      h('.line.dim', null, app && h('span', null, t('claims'), ' ', h('code', null, app)), peer && h('span', null, t('fromAddress'), ' ', h('code', null, peer)),
        family && h('span', null, t('onPath'), ' ', family), h('span', null, t(proven ? 'proven' : 'stranger'))),
      (cure || own) && h('p.cure', null, h('b', null, t('cure')), marked(cure ?? own)));
  }

  #paths() {
    const { apps, endpoints, public: base } = this.shared.session;
    return h('section.card', null, h('h2', null, t('paths')), h('dl', null, endpoints.map(({ family, path }) => [h('dt', null, family), h('dd.mono', null, base + path)])),
      apps.length > 0 && h('p.apps', null, t('apps'), ': ', apps.map((app, at) => [at ? ', ' : '', h('code', null, app)])));
  }
}

/** Text with `code` in it. */
function marked(text) {
  return text.split('`').map((part, at) => (at % 2 ? h('code', null, part) : part));
}
