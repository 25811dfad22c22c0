// Small helpers over the DOM: elements without markup, texts of times and sizes, copying.

import { language, t } from './words.js';

/** An element: `h('a.big', { href, onclick }, 'text', child)`. Texts are texts; nothing here reads markup. */
export function h(what, properties, ...children) {
  const [tag, ...classes] = what.split('.');
  const element = document.createElement(tag || 'div');
  if (classes.length) element.className = classes.join(' ');
  return filled(element, properties, children);
}

const SVG = 'http://www.w3.org/2000/svg';

/** The same for drawings. */
export function s(what, properties, ...children) {
  const [tag, ...classes] = what.split('.');
  const element = document.createElementNS(SVG, tag);
  if (classes.length) element.setAttribute('class', classes.join(' '));
  return filled(element, properties, children);
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name in element && !(element instanceof SVGElement) && name !== 'list') element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  add(element, children);
  return element;
}

/** Adds children; lists are flattened, and nothing is left out but nothing. */
export function add(element, children) {
  for (const child of children.flat(9)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

/** Replaces all children. */
export function fill(element, ...children) {
  element.replaceChildren();
  return add(element, children);
}

/** `12:03:04.567`, in the browser's own time. */
export function clock(ms) {
  const time = new Date(ms);
  const two = (n) => String(n).padStart(2, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}

/** Date and time, with the zone where it matters. */
export function moment(ms) {
  const locale = language() === 'zh' ? 'zh-CN' : 'en-GB';
  const day = new Date(ms).toLocaleDateString(locale, { year: 'numeric', month: 'short', day: 'numeric' });
  return `${day} ${clock(ms)}`;
}

/** How long ago, roughly. */
export function ago(ms) {
  const seconds = Math.max(0, Math.round((Date.now() - ms) / 1000));
  if (seconds < 60) return t('secondsAgo', seconds);
  if (seconds < 3600) return t('minutesAgo', Math.floor(seconds / 60));
  if (seconds < 86400) return t('hoursAgo', Math.floor(seconds / 3600));
  return t('daysAgo', Math.floor(seconds / 86400));
}

/** Microseconds as people read them. */
export function took(us) {
  if (us < 1000) return `${us} µs`;
  if (us < 100_000) return `${(us / 1000).toFixed(1)} ms`;
  if (us < 1_000_000) return `${Math.round(us / 1000)} ms`;
  return `${(us / 1e6).toFixed(1).replace('.0', '')} s`;
}

export function size(bytes) {
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (bytes < 1024 || unit === 'GiB') return `${bytes < 10 && unit !== 'B' ? bytes.toFixed(1) : Math.round(bytes)} ${unit}`;
    bytes /= 1024;
  }
}

export function count(number) {
  return Math.round(number).toLocaleString(language() === 'zh' ? 'zh-CN' : 'en-GB');
}

const toast = h('div.toast', { role: 'status' });
let hiding;

/** Says something for a moment. */
export function say(text) {
  if (!toast.isConnected) document.body.append(toast);
  toast.textContent = text;
  clearTimeout(hiding);
  hiding = setTimeout(() => { toast.textContent = ''; }, 3500);
}

/** Copies `text`, also where the page is not served safely enough for the clipboard. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h('textarea.hidden', { value: text });
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  say(t('copied'));
}

/** A command with a button that copies it. */
export function snippet(text) {
  return h('.snippet', null, h('pre', null, text), h('button', { type: 'button', onclick: () => copy(text) }, t('copy')));
}

/** A card with a heading. */
export function card(title, ...children) {
  return h('section.card', null, h('h2', null, title), children);
}

/** Runs `draw` once before the next frame, however often it was asked for. */
export function perFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; draw(); });
  };
}

/** A pill of a verdict, or of any state. */
export function pill(text, look) {
  return h(`span.pill${look ? `.${look}` : ''}`, null, text);
}
