import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DecryptedPost } from '../src/api/generated.ts';
import { Failure } from '../src/core/failure.ts';
import { isTicketName, type Opened } from '../src/core/tickets.ts';
import {
  AUTO_LOOKUPS,
  AUTO_OPENINGS,
  MAX_OPENING,
  MAX_QUEUE,
  MAX_TICKETS,
  networkOf,
  Opener,
  Tickets,
  type Ticket,
} from '../src/worker/pages.ts';

const ticket = (payload: string, tab = 1): Ticket => ({
  kind: 'post',
  tab,
  frame: 0,
  origin: 'https://a.example',
  payload,
});
const post: DecryptedPost = { text: 'hello', author_known: false, author_proven: false };
const tick = () => new Promise((resolve) => setImmediate(resolve));
const notShared = () => new Failure({ code: 'post.not_shared', message: 'm', hint: '', retry: 'later' });

test('a ticket is good in its own tab and for its own kind', () => {
  const tickets = new Tickets();
  const name = tickets.give(ticket('x', 4));
  assert.equal(tickets.take(name, 4, 'post')?.payload, 'x');
  assert.equal(tickets.take(name, 5, 'post'), undefined);
  assert.equal(tickets.take(name, undefined, 'post'), undefined);
  assert.equal(tickets.take(name, 4, 'compose'), undefined);
  assert.equal(tickets.take('another', 4, 'post'), undefined);
  tickets.dropTab(4);
  assert.equal(tickets.take(name, 4, 'post'), undefined);
});

test('a tab holds a bounded number of tickets, and dropping makes room', () => {
  const tickets = new Tickets();
  const names = Array.from({ length: MAX_TICKETS }, (_, at) => tickets.give(ticket(String(at))));
  assert.equal(tickets.give(ticket('more')), undefined);
  assert.notEqual(tickets.give(ticket('more', 2)), undefined);
  tickets.drop(names[0] ?? '');
  assert.notEqual(tickets.give(ticket('more')), undefined);
  assert.equal(tickets.give(ticket('x'.repeat(70_000), 3)), undefined);
});

test('a ticket that a worker before gave is given again under its name, and no other is taken over', () => {
  const tickets = new Tickets();
  const name = tickets.give(ticket('x', 4)) ?? '';
  assert.equal(isTicketName(name), true);
  assert.equal(tickets.give(ticket('y', 5), name), undefined);
  assert.equal(tickets.take(name, 4, 'post')?.payload, 'x');
  const next = new Tickets();
  assert.equal(next.give(ticket('x', 4), name), name);
  assert.equal(next.take(name, 4, 'post')?.payload, 'x');
  for (const bad of ['', 'x', name.toUpperCase(), `${name} `, '__proto__']) {
    assert.equal(isTicketName(bad), false, bad);
    assert.equal(next.give(ticket('x'), bad), undefined);
  }
  for (const bad of [undefined, null, 7, [name], { name }]) assert.equal(isTicketName(bad), false);
});

test('a page that changes without end is held after an allowance, per site, until the user asks', async () => {
  let time = 0;
  let decrypts = 0;
  const opener = new Opener(
    async () => {
      decrypts += 1;
      return post;
    },
    () => time,
  );
  const last: string[] = [];
  const open = async (count: number, one: (at: number) => Ticket, asked = false) => {
    last.length = 0;
    for (let at = 0; at < count; at += 1) {
      opener.open(one(at), asked, (opened) => (last[at] = opened.state));
      await tick();
    }
  };
  await open(AUTO_OPENINGS + 50, (at) => ticket(String(at)));
  assert.equal(decrypts, AUTO_OPENINGS);
  assert.equal(last.filter((state) => state === 'held').length, 50);
  await open(1, (at) => ({ ...ticket(String(at)), origin: 'https://b.example' }));
  assert.equal(last[0], 'open');
  await open(3, (at) => ticket(String(at)), true);
  assert.deepEqual(last, ['open', 'open', 'open']);
  await open(1, (at) => ticket(String(at)));
  assert.equal(last[0], 'held');
  time = 61_000;
  await open(1, (at) => ticket(String(at)));
  assert.equal(last[0], 'open');
});

test('a flood is opened few at a time, the newest first, and the rest is told to ask', async () => {
  let running = 0;
  let most = 0;
  const order: string[] = [];
  const opener = new Opener(async ({ text }) => {
    running += 1;
    most = Math.max(most, running);
    order.push(text);
    await tick();
    running -= 1;
    return post;
  });
  const last = new Map<number, Opened>();
  for (let at = 0; at < 10_000; at += 1) opener.open(ticket(String(at)), false, (opened) => last.set(at, opened));
  while ([...last.values()].some((opened) => opened.state === 'waiting')) await tick();
  assert.equal(most, MAX_OPENING);
  assert.ok(order.length <= MAX_QUEUE + MAX_OPENING);
  assert.equal(order[MAX_OPENING], '9999');
  assert.equal(last.get(50)?.state, 'held');
  assert.equal(last.get(9_999)?.state, 'open');
});

test('this machine is asked first, and the mixnet within an allowance', async () => {
  let time = 0;
  let lookups = 0;
  const opener = new Opener(
    async ({ offline }) => {
      if (offline) throw notShared();
      lookups += 1;
      return post;
    },
    () => time,
  );
  const states: string[] = [];
  const all = async (asked: boolean) => {
    states.length = 0;
    for (let at = 0; at < AUTO_LOOKUPS + 4; at += 1)
      opener.open(ticket(String(at)), asked, (opened) => states.push(opened.state));
    for (let at = 0; at < 60; at += 1) await tick();
  };
  await all(false);
  assert.equal(lookups, AUTO_LOOKUPS);
  assert.equal(states.filter((state) => state === 'ask').length, 4);
  await all(true);
  assert.equal(lookups, AUTO_LOOKUPS * 2 + 4);
  time = 61_000;
  await all(false);
  assert.equal(lookups, AUTO_LOOKUPS * 3 + 4);
});

test('what was taken back is not opened, and an error is told', async () => {
  const opened: string[] = [];
  const opener = new Opener(async ({ text }) => {
    opened.push(text);
    await tick();
    throw new Failure({ code: 'post.damaged', message: 'm', hint: '', retry: 'no' });
  });
  let told: Opened | undefined;
  opener.open(ticket('0'), false, (state) => (told = state));
  opener.open(ticket('1'), false, () => {});
  opener.open(ticket('2'), false, () => assert.ok(true))();
  for (let at = 0; at < 10; at += 1) await tick();
  assert.deepEqual(opened, ['0', '1']);
  assert.equal(told?.state === 'failed' && told.error.code, 'post.damaged');
});

test('networks go by the exact host', () => {
  assert.equal(networkOf('https://x.com'), 'twitter');
  assert.equal(networkOf('https://mobile.twitter.com'), 'twitter');
  assert.equal(networkOf('https://evilx.com'), undefined);
  assert.equal(networkOf('https://www.facebook.com'), 'facebook');
  assert.equal(networkOf('https://facebook.com.evil.example'), undefined);
});
