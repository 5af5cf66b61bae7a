import type { RpcError, ConnectionState } from '../api/generated.ts';
import { button, h } from './dom.ts';
import { language, region, words as say, wordsIfAny } from './i18n.ts';
import type { LinkState } from './messages.ts';

/** A command to copy. */
export const command = (text: string): HTMLElement => {
  const copy = button(
    say('copy'),
    () => {
      void navigator.clipboard.writeText(text).then(() => {
        copy.textContent = say('copied');
      });
    },
    'quiet',
  );
  copy.setAttribute('aria-label', `${say('copy')}: ${text}`);
  return h('div', { class: 'command' }, h('code', { tabindex: 0, dir: 'ltr' }, text), copy);
};

/** The daemon's sentence for an error. It is English, and more specific than the translated one for its code. */
const sentence = (kind: 'error' | 'hint', error: RpcError): string =>
  (language() === 'en' ? '' : wordsIfAny(`${kind}_${error.code.replaceAll('.', '_')}`)) ||
  (kind === 'error' ? error.message : (error.hint ?? ''));

/** A hint's words, and its command to copy where it ends with one: "Start it: bauta up". */
export const advice = (error: RpcError): HTMLElement => {
  const [, lead = '', line] = /^(?:(.+): )?(bauta [^.]+)$/.exec(error.hint ?? '') ?? [];
  const words = sentence('hint', error);
  if (line === undefined) return h('p', { class: 'note' }, words);
  const own = words === error.hint ? lead : words;
  return h(
    'div',
    {},
    own === ''
      ? undefined
      : h('p', { class: 'note' }, `${own.replace(/[.。]$/, '')}${language() === 'en' ? ':' : '：'}`),
    command(line),
  );
};

/** What happened, as one sentence. */
export const errorWords = (error: RpcError): string => sentence('error', error);

const MEANINGS: ReadonlyArray<readonly [RegExp, string]> = [
  [/^(daemon|hello|link)\.|^store\.locked$/, 'means_link'],
  [/^(store|access\.files)/, 'means_store'],
  [/^(access|session|pair)\./, 'means_access'],
  [/^relay\.(dishonest)$/, 'means_relay'],
  [/^contact\.(unreachable|pending)$/, 'means_unreachable'],
  [/^(network|relay|gun)\.|^message\.(timeout|unreceived)$|^post\.timeout$/, 'means_network'],
  [/^(message|post)\.failed$/, 'means_failed'],
  [/^contact\.changed$/, 'means_changed'],
  [/^profile\.changed$/, 'means_profile'],
  [/^invitation\./, 'means_invitation'],
  [/^(name|contact|message|persona(?!\.elsewhere)|request)\./, 'means_unchanged'],
];

/** What an error means for the reader; undefined if its own sentence says everything. */
export const meaning = (code: string): string | undefined => {
  const key = MEANINGS.find(([codes]) => codes.test(code))?.[1];
  return key === undefined ? undefined : say(key);
};

/** What happened, what it means, and the one thing to do: a command to copy, or a button where pressing it can help. */
export const problem = (error: RpcError, again?: () => void, means = meaning(error.code)): HTMLElement =>
  h(
    'div',
    { class: 'problem', role: 'alert' },
    h('p', { class: 'what' }, errorWords(error)),
    means === undefined ? undefined : h('p', {}, means),
    error.hint ? advice(error) : undefined,
    again !== undefined && error.retry !== 'no' ? button(say('tryAgain'), again) : undefined,
  );

/** The one sentence on the connection between the extension and the daemon. */
export const linkWords = (state: LinkState): string => say(`stage_${state.stage}`);

/** The phases of connecting as the daemon names them, in their order. */
export const CONNECTING: ReadonlyMap<string, string> = new Map([
  ['waiting a random moment', 'phase_waiting'],
  ['choosing a gateway', 'phase_choosing'],
  ['registering with the gateway', 'phase_registering'],
  ['waiting for the first answer of a relay', 'phase_first'],
]);
const OTHERS: ReadonlyMap<string, string> = new Map([
  ['no relay has answered for a minute', 'phase_quiet'],
  ['looking for a gateway', 'phase_looking'],
  ['waiting before another attempt', 'phase_pausing'],
]);

/** A phase in the reader's language; an unknown one in the daemon's words. */
export const phaseWords = (phase: string): string => {
  const key = CONNECTING.get(phase) ?? OTHERS.get(phase);
  return key === undefined ? phase : say(key);
};

/** The state of a connection, with its phase if that says more: the same sentence as on the command line. */
export const stateWords = (state: ConnectionState, phase: string | null | undefined): string => {
  if (phase && state === 'connecting') return say('connectingPhase', phaseWords(phase));
  if (phase && state === 'lost') return say('lostPhase', phaseWords(phase));
  return say(`state_${state}`);
};

/** The words for what a pairing may do. */
export const grantWords = (grants: readonly string[]): HTMLElement =>
  h(
    'ul',
    { class: 'facts' },
    ...grants.map((grant) => h('li', {}, wordsIfAny(`grant_${grant.replaceAll('.', '_')}`), ' ', h('code', {}, grant))),
  );

const midnight = (date: Date): number => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
/** Whole days back from now in the reader's time zone; rounding absorbs the hour of summer time. */
const daysAgo = (date: Date): number => Math.round((midnight(new Date()) - midnight(date)) / 86_400_000);

const element = (at: string, words: (date: Date) => string): HTMLElement => {
  const date = new Date(at);
  const valid = !Number.isNaN(date.getTime());
  return h('time', valid ? { datetime: at, title: date.toLocaleString(region()) } : {}, valid ? words(date) : '');
};

const clock = (date: Date): string => date.toLocaleTimeString(region(), { hour: 'numeric', minute: '2-digit' });

/** `14:03` in the reader's own way. */
export const time = (at: string): HTMLElement => element(at, clock);

/** As short as it can be: the time today, the day's name within a week, else the date. */
export const when = (at: string): HTMLElement =>
  element(at, (date) => {
    const days = daysAgo(date);
    if (days === 0) return clock(date);
    if (days > 0 && days < 7) return date.toLocaleDateString(region(), { weekday: 'short' });
    return date.toLocaleDateString(region(), {
      day: 'numeric',
      month: 'short',
      ...(date.getFullYear() === new Date().getFullYear() ? {} : { year: 'numeric' }),
    });
  });

/** A day's name for a divider: today, yesterday, or the date. */
export const day = (at: string): string => {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '';
  const days = daysAgo(date);
  if (days === 0 || days === 1) {
    const words = new Intl.RelativeTimeFormat(region(), { numeric: 'auto' }).format(-days, 'day');
    return words.charAt(0).toLocaleUpperCase(region()) + words.slice(1);
  }
  return date.toLocaleDateString(region(), {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    ...(date.getFullYear() === new Date().getFullYear() ? {} : { year: 'numeric' }),
  });
};
