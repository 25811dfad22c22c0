// JSON as people read it, from its text: no number is read and written again, so none loses a digit.

import { h } from './dom.js';

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/g;

/** A `pre` with `text` indented and coloured; texts that are JSON themselves stay texts. */
export function pretty(text) {
  const out = h('pre.json', { tabIndex: 0 });
  const tokens = text.match(TOKEN);
  if (!tokens) return fallback(out, text);
  let depth = 0;
  let line = '';
  const break_ = () => { line += `\n${'  '.repeat(depth)}`; };
  const flush = () => { if (line) out.append(line); line = ''; };
  tokens.forEach((token, at) => {
    const next = tokens[at + 1];
    if (token === '{' || token === '[') {
      line += token;
      if (next === '}' || next === ']') return;
      depth += 1;
      break_();
    } else if (token === '}' || token === ']') {
      if (tokens[at - 1] !== '{' && tokens[at - 1] !== '[') { depth -= 1; break_(); }
      line += token;
    } else if (token === ',') {
      line += ',';
      break_();
    } else if (token === ':') {
      line += ': ';
    } else {
      flush();
      const look = token[0] !== '"' ? (/[tfn]/.test(token[0]) ? 'word' : 'number') : next === ':' ? 'key' : 'text';
      out.append(h(`span.${look}`, null, token));
    }
  });
  flush();
  return out;
}

function fallback(out, text) {
  out.append(text);
  return out;
}
