import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyWords, span } from '../src/core/body.ts';

(globalThis as { chrome?: unknown }).chrome = {
  i18n: {
    getUILanguage: () => 'en',
    getMessage: (key: string, parts: string[] = []) => (key === 'language' ? 'en' : [key, ...parts].join(' ')),
  },
};

test('a time has at most two units', () => {
  assert.equal(span(30, 'en'), '30 seconds');
  assert.equal(span(604_800, 'en'), '7 days');
  assert.equal(span(129_600, 'en'), '1 day 12 hours');
  assert.equal(span(31_557_600, 'en'), '365 days 6 hours');
});

test('each kind of message has words', () => {
  const at = '2026-11-21T14:03:07.512Z';
  const entry = { id: '0'.repeat(32), direction: 'in', at } as const;
  assert.equal(bodyWords({ ...entry, text: 'at nine' }), 'at nine');
  assert.equal(bodyWords({ ...entry, disappear: 0 }), 'messageStay');
  assert.equal(bodyWords({ ...entry, disappear: 3600 }), 'messageDisappear 1 hour');
  assert.equal(bodyWords({ ...entry, unsupported: 9 }), 'messageUnsupported');
});
