import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Conversation, MethodName, Methods } from '../src/api/generated.ts';
import { unreadKey } from '../src/core/messages.ts';
import { UnreadCounter } from '../src/worker/unread.ts';
import { HandTimers } from './support/timers.ts';

const ALL = ['contacts.read', 'messages.read'];
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const setUp = (session: { grants: string[]; personas: string[] | null } = { grants: ALL, personas: null }) => {
  const lists: Record<string, Conversation[]> = {
    alice: [
      { contact: 'bob', unread: 2 },
      { contact: 'carol', unread: 5, muted: true },
      { contact: 'dan', unread: 0 },
    ],
    masked: [{ contact: 'bob', unread: 1 }],
  };
  const timers = new HandTimers();
  const calls: string[] = [];
  let broken = false;
  let held: Promise<void> = Promise.resolve();
  const counter = new UnreadCounter({
    call: async <M extends MethodName>(method: M, params: Methods[M]['params']): Promise<Methods[M]['result']> => {
      calls.push(method);
      await held;
      if (broken) throw new Error('broken');
      const { persona } = params as { persona?: string };
      return (method === 'persona.list'
        ? { personas: Object.keys(lists).map((name) => ({ name })) }
        : { conversations: lists[persona ?? ''] }) as unknown as Methods[M]['result'];
    },
    session: () => session,
    timers,
  });
  const changes: Array<readonly [Readonly<Record<string, number>>, number]> = [];
  counter.onChange = (unread, total) => changes.push([unread, total]);
  return {
    counter,
    lists,
    timers,
    calls,
    changes,
    session,
    breaks: (now: boolean) => (broken = now),
    holds: (until: Promise<void>) => (held = until),
  };
};

test('all personas are counted, and who is muted does not call for attention', async () => {
  const { counter, changes } = setUp();
  await counter.now();
  const expected = {
    [unreadKey('alice', 'bob')]: 2,
    [unreadKey('alice', 'carol')]: 5,
    [unreadKey('masked', 'bob')]: 1,
  };
  assert.deepEqual(changes, [[expected, 3]]);
  assert.equal(await counter.isLoud('alice', 'bob'), true);
  assert.equal(await counter.isLoud('alice', 'carol'), false);
  await counter.now();
  assert.equal(changes.length, 1, 'what did not change is not told');
});

test('many events are counted once, and what comes meanwhile is counted after', async () => {
  const { counter, timers, calls, changes, lists, holds } = setUp();
  for (let turn = 0; turn < 100; turn += 1) counter.soon();
  assert.equal(timers.due.size, 1);
  let release = (): void => {};
  holds(new Promise((resolve) => (release = resolve)));
  timers.ring();
  await tick();
  counter.soon();
  counter.soon();
  assert.equal(calls.length, 1);
  lists['alice'] = [];
  release();
  await counter.now();
  await tick();
  timers.ring();
  await counter.now();
  assert.equal(calls.filter((method) => method === 'persona.list').length, 2);
  assert.equal(changes.at(-1)?.[1], 1);
});

test('without the grant nothing is asked; a limited pairing counts its own', async () => {
  const none = setUp({ grants: ['status.read'], personas: null });
  await none.counter.now();
  assert.deepEqual([none.calls, none.changes], [[], []]);
  const limited = setUp({ grants: ['messages.read'], personas: ['masked'] });
  await limited.counter.now();
  assert.deepEqual(limited.calls, ['conversation.list']);
  assert.deepEqual(limited.changes, [[{ [unreadKey('masked', 'bob')]: 1 }, 1]]);
});

test('a failure keeps what is known and tries again; what was forgotten does not come back', async () => {
  const { counter, timers, changes, breaks, holds } = setUp();
  await counter.now();
  breaks(true);
  await counter.now();
  assert.equal(changes.length, 1);
  assert.equal(timers.due.size, 1);
  breaks(false);
  let release = (): void => {};
  holds(new Promise((resolve) => (release = resolve)));
  const counting = counter.now();
  counter.forget();
  release();
  await counting;
  assert.deepEqual(counter.unread, {});
  assert.deepEqual(changes.at(-1), [{}, 0]);
});
