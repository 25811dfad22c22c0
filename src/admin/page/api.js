// Asks the server. What changes something carries a header that no foreign page can send.

/** What the server answered instead of an answer. */
export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

let whenTokenIsNeeded = () => {};

/** Is called when the server wants to know who we are. */
export function onTokenNeeded(call) {
  whenTokenIsNeeded = call;
}

export function get(path) {
  return ask(path, { headers: {} });
}

export function post(path, body) {
  const headers = { 'content-type': 'application/json', 'x-offhook': '1' };
  return ask(path, { method: 'POST', headers, body: JSON.stringify(body ?? {}) });
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, { ...options, credentials: 'same-origin', cache: 'no-store' });
  } catch (error) {
    throw new Refused(0, 'unreachable', String(error.message ?? error));
  }
  const text = await answer.text();
  let value;
  try { value = JSON.parse(text); } catch { value = { error: 'unreadable', message: text.trim() }; }
  if (answer.ok) return value;
  const refused = new Refused(answer.status, value.error, value.message);
  if (refused.status === 401 && path !== '/api/login') whenTokenIsNeeded();
  throw refused;
}
