import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckedPost, DecryptedPost } from '../src/api/generated.ts';
import { Failure } from '../src/core/failure.ts';
import { isTicketName, type Opened, type Way } from '../src/core/tickets.ts';
import {
  AUTO_LOOKUPS,
  AUTO_OPENINGS,
  MAX_OPENING,
  MAX_QUEUE,
  MAX_TICKETS,
  networkOf,
  Opener,
  opensByItself,
  Tickets,
  type Daemon,
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
const closed: CheckedPost = { needs: 'nothing', public: false, author_known: false, author_proven: false };
const open: CheckedPost = { ...closed, public: true };
const byBob: CheckedPost = {
  ...closed,
  needs: 'lookup',
  author: 'person:twitter.com/bob',
  author_name: 'bob',
  author_known: true,
};
/** A daemon that finds every post open to everyone, but for what a test says. */
const daemon = (of: Partial<Daemon>): Daemon => ({ check: async () => open, decrypt: async () => post, ...of });
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

test('a page that changes without end is held after an allowance, per site, until a person asks', async () => {
  let time = 0;
  let decrypts = 0;
  const opener = new Opener(
    daemon({
      decrypt: async () => {
        decrypts += 1;
        return post;
      },
    }),
    () => time,
  );
  const last: string[] = [];
  const all = async (count: number, one: (at: number) => Ticket, way: Way = 'shown') => {
    last.length = 0;
    for (let at = 0; at < count; at += 1) {
      opener.open(one(at), way, (opened) => (last[at] = opened.state));
      await tick();
    }
  };
  await all(AUTO_OPENINGS + 50, (at) => ticket(String(at)));
  assert.equal(decrypts, AUTO_OPENINGS);
  assert.equal(last.filter((state) => state === 'held').length, 50);
  await all(1, (at) => ({ ...ticket(String(at)), origin: 'https://b.example' }));
  assert.equal(last[0], 'open');
  await all(3, (at) => ticket(String(at)), 'open');
  assert.deepEqual(last, ['open', 'open', 'open']);
  await all(1, (at) => ticket(String(at)));
  assert.equal(last[0], 'held');
  time = 61_000;
  await all(1, (at) => ticket(String(at)));
  assert.equal(last[0], 'open');
});

test('a flood is opened few at a time, the newest first, and the rest is told to ask', async () => {
  let running = 0;
  let most = 0;
  const order: string[] = [];
  const opener = new Opener(
    daemon({
      decrypt: async ({ text }) => {
        running += 1;
        most = Math.max(most, running);
        order.push(text);
        await tick();
        running -= 1;
        return post;
      },
    }),
  );
  const last = new Map<number, Opened>();
  for (let at = 0; at < 10_000; at += 1) opener.open(ticket(String(at)), 'shown', (opened) => last.set(at, opened));
  while ([...last.values()].some((opened) => opened.state === 'waiting')) await tick();
  assert.equal(most, MAX_OPENING);
  assert.ok(order.length <= MAX_QUEUE + MAX_OPENING);
  assert.equal(order[MAX_OPENING], '9999');
  assert.equal(last.get(50)?.state, 'held');
  assert.equal(last.get(9_999)?.state, 'open');
});

test('a post opens by itself where that tells the page nothing', () => {
  const [here, network] = ['https://a.example', 'https://x.com'];
  assert.equal(opensByItself(closed, here), false);
  assert.equal(opensByItself(open, here), true);
  assert.equal(opensByItself({ ...closed, first_site: here }, here), true);
  for (const other of ['http://a.example', 'https://a.example:8443', 'https://b.example'])
    assert.equal(opensByItself({ ...closed, first_site: other }, here), false, other);
  assert.equal(opensByItself(byBob, network), true);
  assert.equal(opensByItself(byBob, here), false);
  assert.equal(opensByItself(byBob, 'https://www.facebook.com'), false);
  for (const unknown of [{ author_known: false }, { author_name: null }, { author: null }, { author: 'person:x/bob' }])
    assert.equal(opensByItself({ ...byBob, ...unknown }, network), false, JSON.stringify(unknown));
});

test('what must not open without a click is not opened, whether it could be or not', async () => {
  const calls: string[] = [];
  const opener = new Opener({
    check: async ({ text }) => {
      calls.push(`check ${text}`);
      return { ...closed, needs: text === 'ours' ? 'nothing' : 'lookup' };
    },
    decrypt: async ({ text, offline, site }) => {
      calls.push(`decrypt ${text} ${offline ? 'here' : 'anywhere'} ${site}`);
      if (offline && text !== 'ours') throw notShared();
      return post;
    },
  });
  const run = async (text: string, way: Way): Promise<string[]> => {
    const states: string[] = [];
    opener.open(ticket(text), way, (opened) => states.push(opened.state));
    for (let at = 0; at < 10; at += 1) await tick();
    return states;
  };
  assert.deepEqual(await run('ours', 'shown'), ['waiting', 'closed']);
  assert.deepEqual(await run('theirs', 'shown'), ['waiting', 'closed']);
  assert.deepEqual(calls.splice(0), ['check ours', 'check theirs']);
  assert.deepEqual(await run('ours', 'open'), ['waiting', 'open']);
  // One press opens what is here; to ask others for a key takes another.
  assert.deepEqual(await run('theirs', 'open'), ['waiting', 'ask']);
  assert.deepEqual(await run('theirs', 'fetch'), ['waiting', 'looking', 'open']);
  assert.deepEqual(calls, [
    'decrypt ours here https://a.example',
    'decrypt theirs here https://a.example',
    'decrypt theirs here https://a.example',
    'decrypt theirs anywhere https://a.example',
  ]);
});

test('a site has its first lookup by a click, and later ones within an allowance, for authors that are known', async () => {
  let time = 0;
  let lookups = 0;
  const opener = new Opener(
    {
      check: async ({ text }) => (text.startsWith('bob') ? byBob : { ...closed, needs: 'lookup' }),
      decrypt: async ({ offline }) => {
        if (offline) throw notShared();
        lookups += 1;
        return post;
      },
    },
    () => time,
  );
  const states: string[] = [];
  const all = async (way: Way, name: string, origin = 'https://x.com') => {
    states.length = lookups = 0;
    for (let at = 0; at < AUTO_LOOKUPS + 4; at += 1)
      opener.open({ ...ticket(`${name} ${at}`), origin }, way, ({ state }) => states.push(state));
    for (let at = 0; at < 80; at += 1) await tick();
  };
  const count = (wanted: string): number => states.filter((state) => state === wanted).length;
  await all('shown', 'bob');
  assert.deepEqual([lookups, count('ask')], [0, AUTO_LOOKUPS + 4]);
  await all('fetch', 'carol');
  assert.equal(lookups, AUTO_LOOKUPS + 4);
  await all('shown', 'bob');
  assert.deepEqual([lookups, count('ask')], [AUTO_LOOKUPS, 4]);
  await all('shown', 'carol');
  assert.deepEqual([lookups, count('closed')], [0, AUTO_LOOKUPS + 4]);
  await all('shown', 'bob', 'https://mobile.twitter.com');
  assert.deepEqual([lookups, count('ask')], [0, AUTO_LOOKUPS + 4]);
  time = 61_000;
  await all('shown', 'bob');
  assert.equal(lookups, AUTO_LOOKUPS);
});

test('a key that is looked up under a profile name is fetched by nobody but a person', async () => {
  let lookups = 0;
  const opener = new Opener({
    check: async () => ({ ...byBob, needs: 'profile' }),
    decrypt: async ({ offline }) => {
      if (!offline) lookups += 1;
      throw offline ? notShared() : new Failure({ code: 'post.reveals', message: 'm', hint: '', retry: 'no' });
    },
  });
  const run = async (way: Way): Promise<string | undefined> => {
    let last: Opened | undefined;
    opener.open({ ...ticket('old'), origin: 'https://x.com' }, way, (opened) => (last = opened));
    for (let at = 0; at < 10; at += 1) await tick();
    return last?.state === 'failed' ? last.error.code : last?.state;
  };
  assert.equal(await run('fetch'), 'post.reveals');
  assert.equal(await run('shown'), 'ask');
  assert.equal(lookups, 1);
});

test('what was taken back is not opened, and an error is told', async () => {
  const opened: string[] = [];
  const opener = new Opener(
    daemon({
      decrypt: async ({ text }) => {
        opened.push(text);
        await tick();
        throw new Failure({ code: 'post.damaged', message: 'm', hint: '', retry: 'no' });
      },
    }),
  );
  let told: Opened | undefined;
  opener.open(ticket('0'), 'shown', (state) => (told = state));
  opener.open(ticket('1'), 'open', () => {});
  opener.open(ticket('2'), 'shown', () => assert.ok(true))();
  for (let at = 0; at < 10; at += 1) await tick();
  assert.deepEqual(opened.sort(), ['0', '1']);
  assert.equal(told?.state === 'failed' && told.error.code, 'post.damaged');
});

test('networks go by the exact host', () => {
  assert.equal(networkOf('https://x.com'), 'twitter');
  assert.equal(networkOf('https://mobile.twitter.com'), 'twitter');
  assert.equal(networkOf('https://evilx.com'), undefined);
  assert.equal(networkOf('https://www.facebook.com'), 'facebook');
  assert.equal(networkOf('https://facebook.com.evil.example'), undefined);
});
