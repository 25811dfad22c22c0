// Sending a sample to this receiver itself, in `offhook dev`.

import { get, post } from './api.js';
import { fill, h, pill, took } from './dom.js';
import { pretty } from './json.js';
import { language, t } from './words.js';

const TAMPERS = ['checksum', 'stale', 'appkey', 'body'];

export class Samples {
  constructor(shared) {
    this.shared = shared;
    this.kind = h('select', { name: 'kind', onchange: () => this.#choose() });
    this.body = h('textarea', { rows: 14, name: 'body', spellcheck: false, 'aria-label': t('body') });
    this.tamper = h('select', { name: 'tamper' }, h('option', { value: '' }, t('nothing')), TAMPERS.map((value) => h('option', { value }, t(`tamper_${value}`))));
    this.result = h('div', { role: 'status' });
    const form = h('form.card.form', { onsubmit: (event) => { event.preventDefault(); this.#send(); } },
      h('p.dim', null, t('sampleIntro')),
      h('.line', null, h('label.field', null, t('sample'), this.kind), h('label.field', null, t('tamper'), this.tamper), h('button.main', { type: 'submit', 'data-do': 'send-sample' }, t('send'))),
      this.body, this.result);
    this.element = h('.scroll', null, h('.page', null, form));
  }

  async begins() {
    this.shared.state.hidden = true;
    try {
      this.samples = await get('/api/samples');
    } catch (error) {
      fill(this.result, h('p.said.bad', null, t('failed', error.message)));
      return;
    }
    const zh = language() === 'zh';
    fill(this.kind, this.samples.map(({ kind, title, title_zh: titleZh }) => h('option', { value: kind }, title ? `${kind} · ${zh ? titleZh : title}` : kind)));
    this.kind.value = 'call.start';
    this.#choose();
  }

  #choose() {
    const sample = this.samples.find(({ kind }) => kind === this.kind.value);
    this.body.value = pretty(sample?.body ?? '{}').textContent;
  }

  async #send() {
    try {
      const answer = await post('/api/send', { body: this.body.value, tamper: this.tamper.value || null });
      const good = answer.status === 200;
      fill(this.result,
        h(good ? 'p.said.ok' : 'p.said.bad', null, pill(String(answer.status), good ? 'ok' : 'bad'), ' ', t('answered', answer.family, answer.path, answer.status, took(answer.took_us))),
        pretty(answer.answer),
        h('p', null, h('a', { href: good ? '#/events' : '#/refusals' }, t(good ? 'seeEvents' : 'seeRefusals'))));
    } catch (error) {
      fill(this.result, h('p.said.bad', null, t('failed', error.message)));
    }
  }
}
