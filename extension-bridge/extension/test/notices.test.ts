import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../src/api/generated.ts';
import { noticeFrom, NOTICES } from '../src/core/notices.ts';
import { noticeOf, placeOf } from '../src/worker/notices.ts';

(globalThis as { chrome?: unknown }).chrome = { i18n: { getMessage: (key: string) => key } };

const at = '2026-11-21T14:03:07.512Z';
const message = { id: '0'.repeat(32), persona: 'alice', from: 'bob', text: 'at nine', sent_at: at, received_at: at };
const received: Event = { cursor: 1, at, kind: 'message.received', message };
const request: Event = {
  cursor: 2,
  at,
  kind: 'contact.request',
  request: { id: 'r', persona: 'alice', public_key: '02', text: 'buy this', received_at: at },
};
const words = (event: Event, notice: (typeof NOTICES)[number]): string =>
  JSON.stringify(noticeOf(event, notice) ?? '').replaceAll(/\p{Cf}/gu, '');

test('nothing is said unless it is wanted, and no more than was chosen', () => {
  assert.equal(noticeFrom(undefined), 'off');
  assert.equal(noticeFrom('everything'), 'off');
  assert.equal(noticeOf(received, 'off'), undefined);
  const { title, message: bare } = noticeOf(received, 'bare') ?? {};
  assert.deepEqual([title, bare], ['Bauta', 'noticeMessage']);
  assert.match(words(received, 'name'), /"title":"bob","message":"noticeMessage"/);
  assert.match(words(received, 'text'), /"title":"bob","message":"at nine"/);
  const long = { ...received, message: { ...message, text: 'x'.repeat(1000) } };
  assert.equal(noticeOf(long, 'text')?.message.length, 200);
  const { text: _, ...wordless } = message;
  const unknown: Event = { cursor: 1, at, kind: 'message.received', message: { ...wordless, unsupported: 9 } };
  assert.equal(noticeOf(unknown, 'text')?.message, 'messageUnsupported');
});

test('what a stranger writes is never shown', () => {
  for (const notice of NOTICES) assert.doesNotMatch(words(request, notice), /buy this|02/, notice);
  assert.equal(noticeOf(request, 'off'), undefined);
  assert.equal(noticeOf(request, 'text')?.message, 'noticeRequest');
});

test('other events say nothing, and each leads to its place', () => {
  const state: Event = { cursor: 3, at, kind: 'status.changed', state: 'lost' };
  assert.equal(noticeOf(state, 'text'), undefined);
  assert.deepEqual(placeOf(noticeOf(received, 'bare')?.about ?? ''), { persona: 'alice', contact: 'bob' });
  assert.equal(placeOf(noticeOf(request, 'bare')?.about ?? ''), undefined);
});
