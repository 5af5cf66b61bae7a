import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interval, play, type Trial } from '../e2e/support/game.ts';

test('the interval is that of Clopper and Pearson', () => {
  // From the tables of their paper and of R's binom.test.
  for (const [right, trials, low, high] of [
    [0, 10, 0, 0.3085],
    [10, 10, 0.6915, 1],
    [5, 10, 0.1871, 0.8129],
    [30, 60, 0.3681, 0.6319],
    [220, 400, 0.4998, 0.5995],
  ] as const) {
    const found = interval(right, trials, 0.05);
    assert.ok(Math.abs(found[0] - low) < 1e-3 && Math.abs(found[1] - high) < 1e-3, `${right} of ${trials}: ${found}`);
  }
});

test('an attack wins by what shows the bit, and by nothing else', () => {
  const trial = (_: unknown, at: number): Trial => ({
    bit: at % 3 === 0,
    measured: { shows: at % 3 === 0 ? 7 : 12 + (at % 5), same: 44, noise: (at * 7919) % 101 },
  });
  const [training, trials] = [Array.from({ length: 150 }, trial), Array.from({ length: 200 }, trial)];
  const [shows, same] = play(training, trials);
  assert.equal(shows?.right, 200);
  assert.ok((shows?.low ?? 0) > 0.9 && shows?.high === 1);
  assert.ok(Math.abs(same?.advantage ?? 1) < 0.4);
});
