import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cursor, type Area } from '../src/worker/cursor.ts';

class Memory implements Area {
  readonly items = new Map<string, unknown>();
  async get(keys: string[]): Promise<Record<string, unknown>> {
    return Object.fromEntries(keys.filter((key) => this.items.has(key)).map((key) => [key, this.items.get(key)]));
  }
  async set(items: Record<string, unknown>): Promise<void> {
    for (const [key, value] of Object.entries(items)) this.items.set(key, value);
  }
  async remove(keys: string[]): Promise<void> {
    for (const key of keys) this.items.delete(key);
  }
}

test('a new worker goes on where the last one was', async () => {
  const session = new Memory();
  const first = new Cursor(session);
  assert.equal(await first.load(), undefined);
  await first.advance(7);
  await first.advance(9);
  assert.equal(await new Cursor(session).load(), 9);
});

test('a mark never moves back, and nonsense moves nothing', async () => {
  const session = new Memory();
  const cursor = new Cursor(session);
  await cursor.advance(9);
  for (const value of [3, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) await cursor.advance(value);
  assert.equal(await new Cursor(session).load(), 9);
  session.items.set('cursor', '9');
  assert.equal(await new Cursor(session).load(), undefined);
});

test('reset forgets the mark', async () => {
  const session = new Memory();
  const cursor = new Cursor(session);
  await cursor.advance(9);
  await cursor.reset();
  assert.equal(await new Cursor(session).load(), undefined);
});
