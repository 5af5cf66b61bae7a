import assert from 'node:assert/strict';
import { test } from 'node:test';
import { span } from '../src/core/body.ts';

test('a time has at most two units', () => {
  assert.equal(span(30, 'en'), '30 seconds');
  assert.equal(span(604_800, 'en'), '7 days');
  assert.equal(span(129_600, 'en'), '1 day 12 hours');
  assert.equal(span(31_557_600, 'en'), '365 days 6 hours');
});
