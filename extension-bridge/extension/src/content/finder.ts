/** Payloads of Mask in texts and links: the two codecs that posts travel in. Nothing here decides whether one opens. */

import { MAX_PAYLOAD } from '../core/tickets.ts';

/** One payload as found. */
export interface Found {
  /** What goes to `post.decrypt`: the payload without the words around it. */
  readonly payload: string;
  /** Its position in the text. */
  readonly start: number;
  readonly end: number;
}

/** A longer text is not searched past this many UTF-16 units. */
export const MAX_TEXT = 128 * 1024;
/** The most payloads of one text. */
export const MAX_FOUND = 16;

const NOTE = '\u{1F3BC}';
const TAIL = ':||';
const BODY = /^[A-Za-z0-9_+/=|]+$/;
const LINK = 'https://mask.io/?PostData_v';

const generic = (text: string, from: number): Found | undefined => {
  let start = text.indexOf(NOTE, from);
  while (start !== -1) {
    const end = text.indexOf(TAIL, start);
    if (end === -1) return undefined;
    // A note inside means that the first one begins nothing.
    const last = text.lastIndexOf(NOTE, end);
    const begin = last > start ? last : start;
    const body = text.slice(begin + NOTE.length, end);
    if (body.length <= MAX_PAYLOAD && BODY.test(body) && /^[0-9]+\/[0-9]+\|/.test(body)) {
      return { payload: text.slice(begin, end + TAIL.length), start: begin, end: end + TAIL.length };
    }
    start = text.indexOf(NOTE, end);
  }
  return undefined;
};

// What cannot belong to a payload ends it, as in the daemon: people and programs write full stops, brackets, queries and
// invisible marks behind a link. Base64 ends with its padding.
const LINKS = [
  {
    start: `${LINK}2=`,
    body: /^(?:[A-Za-z0-9+/]|%(?:2[BbFf]|0[9AaCcDd]|20|[46][1-9A-Fa-f]|[57][0-9Aa]|3[0-9]))*(?:=|%3[Dd]){0,2}/,
    least: 24,
  },
  { start: `${LINK}1=`, body: /^%20[A-Za-z0-9+/=._|-]+%40/, least: 1 },
];

/** The link as Mask writes it on Twitter that a text begins with: `https://mask.io/?PostData_v1=` or `_v2=`. */
const leading = (text: string): string | undefined => {
  for (const { start, body, least } of LINKS) {
    if (!text.startsWith(start)) continue;
    const [value] = body.exec(text.slice(start.length, MAX_PAYLOAD)) ?? [''];
    return value.length < least ? undefined : start + value;
  }
  return undefined;
};

/** The payload that a link holds, whatever is behind the payload. */
export const fromLink = (link: string): string | undefined => (link.length > MAX_PAYLOAD ? undefined : leading(link));

const link = (text: string, from: number): Found | undefined => {
  let start = text.indexOf(LINK, from);
  while (start !== -1) {
    const payload = leading(text.slice(start, start + MAX_PAYLOAD));
    if (payload !== undefined) return { payload, start, end: start + payload.length };
    start = text.indexOf(LINK, start + LINK.length);
  }
  return undefined;
};

/** All payloads of a text, in order, bounded in length and number. */
export const findPayloads = (text: string): Found[] => {
  const bounded = text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text;
  const found: Found[] = [];
  let at = 0;
  while (found.length < MAX_FOUND) {
    const one = generic(bounded, at);
    const other = link(bounded, at);
    const first = one !== undefined && (other === undefined || one.start < other.start) ? one : other;
    if (first === undefined) break;
    found.push(first);
    at = first.end;
  }
  return found;
};

/** A cheap look before the search: most nodes of a page hold neither. */
export const mayHold = (text: string): boolean => text.includes(NOTE) || text.includes(LINK);
