import type { HistoryEntry, ReceivedMessage } from '../api/generated.ts';
import { region, words as say } from './i18n.ts';

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

/** A time of so many seconds in its greatest unit, or the two greatest: `1 day 12 hours`. */
export const span = (seconds: number, tag = region()): string => {
  const parts: string[] = [];
  let left = seconds;
  for (const [unit, length] of UNITS) {
    const count = Math.floor(left / length);
    left %= length;
    if (count > 0) parts.push(new Intl.NumberFormat(tag, { style: 'unit', unit, unitDisplay: 'long' }).format(count));
  }
  return parts.slice(0, 2).join(' ');
};

/** What a message says. */
export const bodyWords = (body: HistoryEntry | ReceivedMessage): string => {
  if ('text' in body) return body.text;
  if (!('disappear' in body)) return say('messageUnsupported');
  return body.disappear === 0 ? say('messageStay') : say('messageDisappear', span(body.disappear));
};
