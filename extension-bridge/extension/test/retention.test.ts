import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choices } from '../src/panel/retention.ts';

test('what holds is among the choices, and the longest comes first', () => {
  assert.deepEqual(choices(0), [0, 365, 90, 30, 7, 1]);
  assert.deepEqual(choices(30), [0, 365, 90, 30, 7, 1]);
  assert.deepEqual(choices(45), [0, 365, 90, 45, 30, 7, 1]);
});
