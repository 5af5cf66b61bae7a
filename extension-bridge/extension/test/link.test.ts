import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cursor, type Area } from '../src/worker/cursor.ts';
import type { KeyStore } from '../src/worker/pairing.ts';
import { fromBase64Url, proofInput, toBase64Url } from '../src/worker/pairing.ts';
import type { Timers, Wire } from '../src/worker/rpc.ts';
import { Link, type Handlers } from '../src/worker/link.ts';
import { stageOfReason } from '../src/worker/stages.ts';

const ORIGIN = 'chrome-extension://glggelpbdmnoognbkiacemakhjalbeki/';
const GRANTS = ['status.read', 'messages.read'];

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

class HandTimers implements Timers {
  readonly due = new Map<number, { run: () => void; after: number }>();
  #next = 1;
  set(run: () => void, after: number): number {
    this.due.set(this.#next, { run, after });
    return this.#next++;
  }
  clear(id: number): void {
    this.due.delete(id);
  }
  ring(after: number): void {
    for (const [id, one] of [...this.due]) {
      if (one.after !== after) continue;
      this.due.delete(id);
      one.run();
    }
  }
}

interface Frame {
  id: number;
  method: string;
  params: Record<string, string & number>;
}

/** A daemon's bridge socket as far as pairing and events go: it checks the proofs for real. */
class Daemon {
  handlers: Handlers | undefined;
  key: CryptoKey | undefined;
  approved = new Set<string>();
  log: Array<Record<string, unknown>> = [];
  oldest = 0;
  running = true;
  subscriptions: unknown[] = [];
  refusal = { code: 'access.revoked', retry: 'no' };
  /** Everything but hello is answered with this. */
  locked = false;
  asked: unknown[] = [];
  #challenge: string | undefined;

  open(handlers: Handlers): Wire {
    this.handlers = handlers;
    if (!this.running) {
      queueMicrotask(() => {
        handlers.frame({
          jsonrpc: '2.0',
          id: null,
          error: {
            code: -32001,
            message: 'm',
            data: {
              code: 'daemon.not_running',
              message: 'Nothing answers on the socket.',
              hint: 'bauta up',
              retry: 'later',
            },
          },
        });
        handlers.closed('Native host has exited.');
      });
    }
    return { send: (frame) => void this.#take(frame as Frame), close: () => {} };
  }

  tell(method: string, params: unknown): void {
    this.handlers?.frame({ jsonrpc: '2.0', method, params });
  }

  event(cursor: number): void {
    const event = {
      cursor,
      at: '2026-11-21T14:03:07.512Z',
      kind: 'message.received',
      message: { persona: 'alice', from: 'bob', id: '', text: '', sent_at: '', received_at: '' },
    };
    this.log.push(event);
    this.tell('event', event);
  }

  async #take(frame: Frame): Promise<void> {
    if (!this.running) return;
    const { handlers } = this;
    const result = await this.#answer(frame);
    handlers?.frame({ jsonrpc: '2.0', id: frame.id, ...result });
    if (frame.method === 'event.subscribe' && 'result' in result) {
      const since = frame.params['since'];
      if (since !== undefined)
        for (const event of this.log) if ((event['cursor'] as number) > since) this.tell('event', event);
    }
  }

  async #answer({ method, params }: Frame): Promise<{ result: unknown } | { error: unknown }> {
    const refuse = (code: string, retry = 'no') => ({
      error: { code: -32001, message: code, data: { code, message: code, retry } },
    });
    if (this.locked && method !== 'hello') return refuse('daemon.locked');
    switch (method) {
      case 'hello':
        return { result: { protocol: 1, version: '0.1.0', features: ['events'], grants: [] } };
      case 'pair.request':
        this.asked.push(params['grants']);
        this.key = await crypto.subtle.importKey(
          'spki',
          fromBase64Url(String(params['key'])),
          { name: 'ECDSA', namedCurve: 'P-256' },
          true,
          ['verify'],
        );
        return { result: { id: `p${this.asked.length}`, code: '481920', expires_at: new Date(120_000).toISOString() } };
      case 'session.challenge':
        this.#challenge = toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
        return { result: { challenge: this.#challenge } };
      case 'session.prove': {
        const challenge = this.#challenge ?? '';
        this.#challenge = undefined;
        const good =
          this.key !== undefined &&
          (await crypto.subtle.verify(
            { name: 'ECDSA', hash: 'SHA-256' },
            this.key,
            fromBase64Url(String(params['signature'])),
            proofInput(challenge, ORIGIN),
          ));
        return good && this.approved.has(String(params['id']))
          ? { result: { grants: GRANTS, personas: null, label: 'Chromium', since: '2026-11-20T00:00:00.000Z' } }
          : refuse(this.refusal.code, this.refusal.retry);
      }
      case 'event.subscribe': {
        const since = params['since'] as number | undefined;
        this.subscriptions.push(since);
        if (since !== undefined && since < this.oldest) return refuse('event.cursor');
        return { result: { cursor: since ?? this.log.length } };
      }
      default:
        return { result: {} };
    }
  }
}

const setUp = (daemon = new Daemon(), local = new Memory(), session = new Memory(), keys?: KeyStore) => {
  let kept: CryptoKeyPair | undefined;
  const store: KeyStore = keys ?? {
    get: async () => kept,
    put: async (pair) => {
      kept = pair;
    },
    remove: async () => {
      kept = undefined;
    },
  };
  const timers = new HandTimers();
  const link = new Link({
    open: (handlers) => daemon.open(handlers),
    keys: store,
    local,
    session,
    cursor: new Cursor(session),
    timers,
    origin: ORIGIN,
    client: 'test',
    now: () => 0,
  });
  const stages: string[] = [];
  link.onState = (state) => stages.push(state.stage);
  return { daemon, local, session, store, timers, link, stages };
};

const until = async (what: () => boolean): Promise<void> => {
  const deadline = performance.now() + 5000;
  while (!what()) {
    if (performance.now() > deadline) throw new Error('not in time');
    await new Promise((resolve) => setImmediate(resolve));
  }
};

const paired = async () => {
  const all = setUp();
  all.link.retry();
  await until(() => all.link.state.stage === 'unpaired');
  await all.link.pair('Chromium', ['status.read']);
  assert.equal(all.link.state.code, '481920');
  all.daemon.approved.add('p1');
  all.daemon.tell('pair.approved', { id: 'p1', grants: GRANTS });
  await until(() => all.link.state.stage === 'ready');
  return all;
};

test('pairing: code, approval, proof, ready; the next worker proves again by itself', async () => {
  const { link, daemon, local, session, store } = await paired();
  assert.deepEqual(link.state.grants, GRANTS);
  assert.equal(local.items.get('pairing.id'), 'p1');
  const next = setUp(daemon, local, session, store);
  next.link.retry();
  await until(() => next.link.state.stage === 'ready');
  assert.deepEqual(next.stages, ['connecting', 'ready']);
});

test('refused, expired, and an approval of someone else', async () => {
  const { link, daemon, timers } = setUp();
  link.retry();
  await until(() => link.state.stage === 'unpaired');
  await link.pair('x', ['status.read']);
  daemon.tell('pair.approved', { id: 'other', grants: GRANTS });
  assert.equal(link.state.stage, 'pairing');
  daemon.tell('pair.refused', { id: 'p1' });
  await until(() => link.state.stage === 'refused');
  await link.pair('x', ['status.read']);
  assert.equal(link.state.stage, 'pairing');
  timers.ring(120_000);
  await until(() => link.state.stage === 'expired');
});

test('a pairing that was revoked says so, calls are refused here, and pairing again works', async () => {
  const { daemon, local, session, store } = await paired();
  daemon.approved.clear();
  const { link } = setUp(daemon, local, session, store);
  link.retry();
  await until(() => link.state.stage === 'revoked');
  await assert.rejects(link.call('status.get', {}));
  await link.pair('x', ['status.read']);
  daemon.approved.add('p2');
  daemon.tell('pair.approved', { id: 'p2', grants: GRANTS });
  await until(() => link.state.stage === 'ready');
});

test('a key that is not the paired one counts as revoked, not as a failure to try again', async () => {
  const { daemon, local, session } = await paired();
  daemon.refusal = { code: 'session.refused', retry: 'now' };
  const { link } = setUp(daemon, local, session);
  link.retry();
  await until(() => link.state.stage === 'revoked');
});

test('a locked daemon is not a pairing that is over; when it is unlocked, all is as before', async () => {
  const { daemon, local, store, link, timers } = await paired();
  daemon.locked = true;
  daemon.handlers?.closed('Native host has exited.');
  timers.ring(1000);
  await until(() => link.state.stage === 'locked');
  assert.equal(local.items.get('pairing.id'), 'p1');
  assert.equal(timers.due.size, 0, 'the connection stays, and nothing has to be tried');
  await assert.rejects(link.call('status.get', {}), { code: 'daemon.locked' });
  // Somebody who presses the button is served at once.
  link.retry();
  assert.equal(link.state.stage, 'locked');
  daemon.locked = false;
  link.retry(true);
  await until(() => link.state.stage === 'ready');
  // And one that is not paired is told, too.
  daemon.locked = true;
  const stranger = setUp(daemon, undefined, undefined, store);
  stranger.link.retry();
  await until(() => stranger.link.state.stage === 'locked');
});

test('what is not about the pairing does not end it', async () => {
  const { daemon, local, session, store } = await paired();
  daemon.approved.clear();
  daemon.refusal = { code: 'store.failed', retry: 'no' };
  const { link } = setUp(daemon, local, session, store);
  link.retry();
  await until(() => link.state.stage === 'stopped');
  assert.equal(local.items.get('pairing.id'), 'p1');
});

for (const told of [true, false])
  test(`a paired extension asks for more, and goes on with what it gets; it is told: ${told}`, async () => {
    const { link, daemon, local, session } = await paired();
    assert.equal(link.state.pairing?.label, 'Chromium');
    await link.pair('x', ['status.read', 'contacts.read']);
    // Until then it works as before.
    assert.deepEqual([link.state.stage, link.state.code], ['ready', '481920']);
    assert.deepEqual(link.state.asked, ['status.read', 'contacts.read']);
    assert.deepEqual(daemon.asked.at(-1), ['status.read', 'contacts.read']);
    await link.call('status.get', {});
    const { handlers } = daemon;
    daemon.approved = new Set(['p2']);
    if (told) daemon.tell('pair.approved', { id: 'p2', grants: GRANTS });
    const revoked = { code: -32001, message: 'm', data: { code: 'access.revoked', message: 'm', retry: 'no' } };
    handlers?.frame({ jsonrpc: '2.0', id: null, error: revoked });
    handlers?.closed('Native host has exited.');
    await until(() => link.state.stage === 'ready' && local.items.get('pairing.id') === 'p2');
    assert.equal(link.state.code, undefined);
    assert.equal(session.items.get('pairing.pending'), undefined);
  });

test('a question for more that is refused or not answered leaves what there was', async () => {
  const { link, daemon, timers, local } = await paired();
  await link.pair('x', ['contacts.read']);
  daemon.tell('pair.refused', { id: 'p2' });
  await until(() => link.state.ended === 'refused');
  assert.deepEqual([link.state.stage, link.state.code, link.state.grants], ['ready', undefined, GRANTS]);
  await link.pair('x', ['contacts.read']);
  assert.equal(link.state.ended, undefined);
  timers.ring(120_000);
  await until(() => link.state.ended === 'expired');
  assert.equal(local.items.get('pairing.id'), 'p1');
  // The connection breaks while a code waits: the pairing before still holds.
  await link.pair('x', ['contacts.read']);
  daemon.handlers?.closed('Native host has exited.');
  timers.ring(1000);
  await until(() => link.state.stage === 'ready');
  assert.equal(local.items.get('pairing.id'), 'p1');
});

test('approved while the worker slept: the next one finds it', async () => {
  const { link, daemon, local, session, store } = setUp();
  link.retry();
  await until(() => link.state.stage === 'unpaired');
  await link.pair('x', ['status.read']);
  daemon.approved.add('p1');
  const next = setUp(daemon, local, session, store);
  next.link.retry();
  await until(() => next.link.state.stage === 'ready');
});

test('nothing is lost while the worker sleeps, and nothing comes twice', async () => {
  const { link, daemon, local, session, store } = await paired();
  const seen: number[] = [];
  link.onEvent = async (event) => {
    seen.push(event.cursor);
  };
  daemon.event(1);
  daemon.event(2);
  await until(() => seen.length === 2);
  await link.inLine();
  daemon.handlers = undefined;
  daemon.event(3);
  daemon.event(4);
  const next = setUp(daemon, local, session, store);
  next.link.onEvent = async (event) => {
    seen.push(event.cursor);
  };
  next.link.retry();
  await until(() => seen.length === 4);
  assert.deepEqual(seen, [1, 2, 3, 4]);
});

test('an event that fails does not stop the next', async () => {
  const { link, daemon } = await paired();
  const seen: number[] = [];
  link.onEvent = async (event) => {
    if (event.cursor === 1) throw new Error('no');
    seen.push(event.cursor);
  };
  daemon.event(1);
  daemon.event(2);
  await until(() => seen.length === 1);
});

test('something done in one line with the events waits for those before it', async () => {
  const { link, daemon } = await paired();
  const order: string[] = [];
  link.onEvent = async (event) => {
    order.push(`event ${event.cursor}`);
  };
  daemon.event(1);
  const done = link.inLine(async () => {
    order.push('step');
  });
  daemon.event(2);
  await done;
  await link.inLine();
  assert.deepEqual(order, ['event 1', 'step', 'event 2']);
});

test('a log that does not reach back is begun again', async () => {
  const { link, daemon, local, session, store } = await paired();
  daemon.event(1);
  await until(() => session.items.get('cursor') === 1);
  await link.inLine();
  daemon.oldest = 100;
  const next = setUp(daemon, local, session, store);
  let reloads = 0;
  next.link.onReload = () => (reloads += 1);
  next.link.retry();
  await until(() => next.link.state.stage === 'ready');
  assert.deepEqual(daemon.subscriptions.slice(-2), [1, undefined]);
  assert.equal(reloads, 1);
});

test('a daemon that stops and starts: the state says so, and it comes back', async () => {
  const { link, daemon, timers } = await paired();
  daemon.running = false;
  daemon.handlers?.closed('Native host has exited.');
  assert.equal(link.state.stage, 'stopped');
  timers.ring(1000);
  await until(() => link.state.failure?.code === 'daemon.not_running');
  assert.equal(link.state.failure?.hint, 'bauta up');
  assert.ok([...timers.due.values()].some((one) => one.after === 2000));
  daemon.running = true;
  link.retry();
  await until(() => link.state.stage === 'ready');
});

test('a call that comes while the connection is being made waits for it, and for nothing else', async () => {
  const { daemon, local, session, store } = await paired();
  const next = setUp(daemon, local, session, store);
  next.link.retry();
  assert.equal(next.link.state.stage, 'connecting');
  await next.link.call('status.get', {});
  daemon.running = false;
  daemon.handlers?.closed('Native host has exited.');
  await assert.rejects(next.link.call('status.get', {}), { name: 'Failure' });
});

test("the browser's words for why a port closed", () => {
  assert.equal(stageOfReason('Specified native messaging host not found.'), 'missing');
  assert.equal(stageOfReason('No such native application app.bauta.bridge'), 'missing');
  assert.equal(stageOfReason('Access to the specified native messaging host is forbidden.'), 'forbidden');
  assert.equal(stageOfReason('Native host has exited.'), 'stopped');
  assert.equal(stageOfReason(''), 'stopped');
});

test("the daemon's version stays known while pairing", async () => {
  const { link } = setUp();
  link.retry();
  await until(() => link.state.stage === 'unpaired');
  await link.pair('x', ['status.read']);
  assert.equal(link.state.version, '0.1.0');
});
