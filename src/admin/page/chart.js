// Charts as drawings of our own: lines over time, with an area below and a limit above.

import { h, s } from './dom.js';

const HEIGHT = 190;
const LEFT = 46;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 22;

/**
 * Lines over time. `series`: [{ name, hue, points: [[ms, value|null]…], area }]; `unit(value)` writes a value;
 * `limit`: { value, name }; `log`: a logarithmic scale.
 */
export function lines({ label, series, unit, limit, log, width = 560 }) {
  const points = series.flatMap(({ points }) => points).filter(([, value]) => value !== null);
  const times = series.flatMap(({ points }) => points.map(([at]) => at));
  const drawing = s('svg.chart', { viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label': label });
  const [begin, end] = [Math.min(...times), Math.max(...times)];
  const values = points.map(([, value]) => value).concat(limit && log ? [limit.value] : []);
  const top = nice(Math.max(log ? 1e-3 : 1, ...values), log);
  const bottom = log ? 1e-4 : 0;
  const x = (at) => LEFT + ((at - begin) / Math.max(1, end - begin)) * (width - LEFT - RIGHT);
  const share = (value) => (log ? Math.log(Math.max(value, bottom) / bottom) / Math.log(top / bottom) : value / top);
  const y = (value) => HEIGHT - BOTTOM - share(value) * (HEIGHT - TOP - BOTTOM);
  const marks = log ? [1e-4, 1e-3, 1e-2, 1e-1, 1].filter((mark) => mark <= top) : [0, top / 2, top];
  for (const mark of marks) {
    drawing.append(s('line.grid', { x1: LEFT, x2: width - RIGHT, y1: y(mark), y2: y(mark) }), s('text', { x: LEFT - 6, y: y(mark) + 4, 'text-anchor': 'end' }, unit(mark)));
  }
  if (times.length) {
    const time = (at) => new Date(at).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
    drawing.append(s('text', { x: LEFT, y: HEIGHT - 6 }, time(begin)), s('text', { x: width - RIGHT, y: HEIGHT - 6, 'text-anchor': 'end' }, time(end)));
  }
  for (const { hue, points, area } of series) {
    const path = steps(points, x, y);
    if (area && path) drawing.append(s(`path.area.hue${hue}`, { d: `${path}V${y(0)}H${x(points.find(([, value]) => value !== null)[0])}Z` }));
    if (path) drawing.append(s(`path.line.hue${hue}`, { d: path, fill: 'none' }));
  }
  if (limit) drawing.append(s('line.limit', { x1: LEFT, x2: width - RIGHT, y1: y(limit.value), y2: y(limit.value) }), s('text', { x: width - RIGHT - 4, y: y(limit.value) + 13, 'text-anchor': 'end' }, limit.name));
  const legend = h('.legend', null, series.map(({ name, hue }) => h(`span.key${hue}`, null, name)));
  return [drawing, legend];
}

/** Points as a path; where there is none, the path goes on at the next. */
function steps(points, x, y) {
  return points.filter(([, value]) => value !== null).map(([at, value], place) => `${place ? 'L' : 'M'}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join('');
}

/** The next round number. */
function nice(value, log) {
  if (log) return 10 ** Math.ceil(Math.log10(value * 1.05));
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) ?? 1;
}

/** Bars of what was allowed and rejected, or of anything; `rows`: [[name, title, allowed, rejected]]. */
export function bars(rows) {
  const most = Math.max(1, ...rows.map(([, , one, other]) => one + other));
  return h('.bars', null, rows.map(([name, title, one, other]) => {
    const [a, r] = [h('i.a'), h('i.r')];
    a.style.width = `${(one / most) * 100}%`;
    r.style.width = `${(other / most) * 100}%`;
    return [h('span', { title }, name), h('.track', { 'aria-hidden': 'true' }, a, r), h('span.n', null, other ? (one ? `${one.toLocaleString()} / ${other.toLocaleString()}` : other.toLocaleString()) : one.toLocaleString())];
  }));
}
