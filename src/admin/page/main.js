// The page: who we are, which view is shown, and the bar on top. Views are made anew when the language changes.

import { get, onTokenNeeded, post } from './api.js';
import { Dashboard } from './dashboard.js';
import { fill, h } from './dom.js';
import { EventsView } from './list.js';
import { Refusals } from './refused.js';
import { Samples } from './sample.js';
import { language, setLanguage, t } from './words.js';

const root = document.getElementById('app');
const shared = { session: null, kinds: {}, refusals: 0 };
let view = null;
let shown = '';

setLanguage(language());
onTokenNeeded(() => login());
addEventListener('hashchange', () => show());
addEventListener('keydown', (event) => {
  if (event.key === '/' && !/INPUT|TEXTAREA|SELECT/.test(document.activeElement.tagName)) {
    document.querySelector('.filters input')?.focus();
    event.preventDefault();
  }
});
start();

async function start() {
  try {
    shared.session = await get('/api/session');
    if (!shared.session.signed_in) return login();
    shared.kinds = await get('/api/kinds');
  } catch (error) {
    if (error.status === 401) return login();
    fill(root, h('.empty', null, h('h2', null, t('unreachable')), h('p', null, error.message), h('button', { onclick: start }, t('retry'))));
    return undefined;
  }
  frame();
  show(true);
  countRefusals();
  return undefined;
}

const VIEWS = {
  events: EventsView,
  refusals: Refusals,
  overview: Dashboard,
  send: Samples,
};

function frame() {
  const link = (name, text) => h('a', { href: `#/${name}`, 'data-view': name }, text);
  const { samples, needs_token: needsToken } = shared.session;
  shared.state = h('span.state', { role: 'status' }, t('idle'));
  shared.badge = h('span.badge', { hidden: true });
  const refusals = link('refusals', t('refusals'));
  refusals.append(shared.badge);
  fill(root,
    h('header.top', null,
      h('a.brand', { href: '#/events' }, h('img', { src: '/page/icon.svg', alt: '' }), 'offhook'),
      h('nav', { 'aria-label': 'offhook' }, link('events', t('events')), refusals, link('overview', t('overview')), samples && link('send', t('sendSample'))),
      shared.state,
      h('button.plain', { type: 'button', title: t('switchLanguage'), 'data-do': 'language', onclick: switchLanguage, lang: language() === 'zh' ? 'en' : 'zh-CN' }, t('language')),
      needsToken && h('button.plain', { type: 'button', onclick: logout }, t('signOut'))),
    shared.notice = h('.notice', { role: 'alert' }),
    shared.main = h('main'));
}

function switchLanguage() {
  setLanguage(language() === 'zh' ? 'en' : 'zh');
  frame();
  show(true);
  countRefusals();
}

/** Shows what the address asks for: `#/events`, `#/events/ID`, `#/refusals`, `#/overview`, `#/send`. */
function show(anew = false) {
  if (!shared.main) return;
  const [, name = 'events', rest] = location.hash.split('/');
  const wanted = VIEWS[name] && (name !== 'send' || shared.session.samples) ? name : 'events';
  if (anew || wanted !== shown) {
    view?.ends?.();
    shown = wanted;
    view = new VIEWS[wanted](shared);
    fill(shared.main, view.element);
    view.begins?.();
  }
  document.title = `${t(wanted === 'send' ? 'sendSample' : wanted)} · offhook`;
  for (const link of root.querySelectorAll('nav a')) {
    if (link.dataset.view === wanted) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  view.opens?.(rest);
}

/** Whether requests are refused is worth knowing on every page. */
async function countRefusals() {
  clearTimeout(shared.counting);
  try {
    const { refusals } = await get('/api/refusals');
    const total = refusals.reduce((sum, refusal) => sum + refusal.count, 0);
    shared.badge.hidden = total === 0;
    shared.badge.textContent = total > 999 ? '999+' : total;
    if (shared.refusals !== total) {
      shared.refusals = total;
      view?.refuses?.();
    }
  } catch (error) {
    if (error.status === 401) return;
  }
  shared.counting = setTimeout(countRefusals, document.hidden ? 30_000 : 4000);
}

function login() {
  view?.ends?.();
  view = null;
  clearTimeout(shared.counting);
  shared.main = null;
  const token = h('input', { type: 'password', name: 'token', autocomplete: 'current-password', required: true });
  const problem = h('p.said.bad', { role: 'alert', hidden: true });
  const submit = async (event) => {
    event.preventDefault();
    try {
      await post('/api/login', { token: token.value });
      start();
    } catch (error) {
      problem.hidden = false;
      problem.textContent = error.status === 401 ? t('wrongToken') : t('failed', error.message);
      token.select();
    }
  };
  fill(root,
    h('form.login.card', { onsubmit: submit },
      h('.brand', null, h('img', { src: '/page/icon.svg', alt: '' }), 'offhook'),
      h('input.hidden', { type: 'text', name: 'username', autocomplete: 'username', value: 'offhook', tabIndex: -1, 'aria-hidden': 'true' }),
      h('label.field', null, t('token'), token),
      h('p.dim', null, t('tokenHint')),
      problem,
      h('.actions', null, h('button.main', { type: 'submit' }, t('signIn')), h('span.grow'),
        h('button.plain', { type: 'button', 'data-do': 'language', onclick: () => { setLanguage(language() === 'zh' ? 'en' : 'zh'); login(); } }, t('language')))));
  token.focus();
}

async function logout() {
  await post('/api/logout').catch(() => {});
  login();
}
