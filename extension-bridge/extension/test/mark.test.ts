import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markCells } from '../src/core/mark.ts';

const key = (from: number): string => `02${(from * 2654435761).toString(16).padStart(16, '0').repeat(4).slice(0, 64)}`;

test('a mark is symmetric, inside its square, and shows a face', () => {
  for (let at = 1; at < 200; at += 1) {
    const cells = markCells(key(at));
    const set = new Set(cells.map(String));
    assert.equal(set.size, cells.length);
    for (const [x, y] of cells) {
      assert.ok(x >= 0 && x < 7 && y >= 0 && y < 7);
      assert.ok(set.has(String([6 - x, y])));
    }
    assert.ok(!set.has('1,2') && !set.has('5,2') && set.has('3,1'));
  }
});

test('different keys mostly look different, and nonsense has a mark, too', () => {
  const marks = new Set(Array.from({ length: 200 }, (_, at) => String(markCells(key(at + 1)))));
  assert.ok(marks.size > 150, String(marks.size));
  assert.ok(markCells('nonsense').length > 0);
});
