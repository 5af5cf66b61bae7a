import type { RpcError } from '../api/generated.ts';
import { button, h } from './dom.ts';
import { words as say } from './i18n.ts';
import type { LinkState } from './messages.ts';

/** A command to copy. */
export const command = (text: string): HTMLElement => {
  const copy = button(say('copy'), () => {
    void navigator.clipboard.writeText(text).then(() => {
      copy.textContent = say('copied');
    });
  }, 'quiet');
  copy.setAttribute('aria-label', `${say('copy')}: ${text}`);
  return h('div', { class: 'command' }, h('code', { tabindex: 0 }, text), copy);
};

/** A hint's words, and its command to copy where it ends with one: "Start it: bauta up". */
const advice = (hint: string): HTMLElement => {
  const [, lead, line] = /^(?:(.+): )?(bauta [^.]+)$/.exec(hint) ?? [];
  if (line === undefined) return h('p', { class: 'meta' }, hint);
  return h('div', {}, lead === undefined ? undefined : h('p', { class: 'meta' }, `${lead}:`), command(line));
};

/** What happened, what to do about it, and a button where there is something to press. */
export const problem = (error: RpcError, again?: () => void): HTMLElement =>
  h(
    'div',
    { class: 'problem', role: 'alert' },
    h('p', {}, error.message),
    error.hint ? advice(error.hint) : undefined,
    again !== undefined && error.retry !== 'no' ? button(say('tryAgain'), again) : undefined,
  );

/** The one sentence on how the extension and the daemon stand. */
export const linkWords = (state: LinkState): string => say(`stage_${state.stage}`);

/** `14:03` in the reader's own way; with the day when it is another one. */
export const time = (at: string): HTMLElement => {
  const date = new Date(at);
  const valid = !Number.isNaN(date.getTime());
  const short = valid ? date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }) : '';
  return h('time', valid ? { datetime: at, title: date.toLocaleString() } : {}, short);
};

export const day = (at: string): string => {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? '' : date.toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long' });
};
