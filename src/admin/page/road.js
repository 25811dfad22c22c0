// The road of one event as a bar against its deadline, and step by step.

import { h, took } from './dom.js';
import { t } from './words.js';

/** `road` as the server tells it, in microseconds from the first byte on; `deadline` likewise. */
export function road(road, deadline) {
  if (!road) return h('p.dim', null, t('roadUnknown'));
  const ends = [road.read, road.understood, road.decided, road.answered];
  // The bar ends at the deadline, unless so little was used that nothing would be seen of it.
  const whole = road.answered > deadline / 20 ? Math.max(deadline, road.answered) : road.answered * 1.02;
  const lane = h('.lane', { 'aria-hidden': 'true' });
  const steps = h('ol');
  ends.forEach((end, step) => {
    const begin = step ? ends[step - 1] : 0;
    if (step === 2 && !road.waited) return;
    const bar = h(`i.step${step}`);
    bar.style.left = `${(begin / whole) * 100}%`;
    bar.style.width = `${(Math.max(0, end - begin) / whole) * 100}%`;
    lane.append(bar);
    steps.append(h('li', null, h(`i.step${step}`), t(`step${step}`), h('b', null, took(Math.max(0, end - begin)))));
  });
  return h('.road', null, lane, steps, h('p.dim', null, t('roadTotal', took(road.answered), took(deadline))),
    !road.kept && h('p.said.warn', null, t('roadLate')));
}
