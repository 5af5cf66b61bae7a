import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure, failureFrom } from '../src/core/failure.ts';
import { LIMITS } from '../src/api/generated.ts';
import { MAX_WAITING, RpcClient } from '../src/worker/rpc.ts';
import { HandTimers } from './support/timers.ts';

interface Frame {
  id: number;
  method: string;
  params: unknown;
}

const connect = () => {
  const sent: Frame[] = [];
  const timers = new HandTimers();
  let shut = false;
  const client = new RpcClient({ send: (frame) => sent.push(frame as Frame), close: () => (shut = true) }, timers);
  return { client, sent, timers, isShut: () => shut };
};

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof Failure);
    return error.code;
  }
  return 'no failure';
};

test('answers find their calls in any order', async () => {
  const { client, sent } = connect();
  const first = client.call('persona.list', {});
  const second = client.call('status.get', {});
  client.receive({ jsonrpc: '2.0', id: sent[1]?.id, result: { state: 'ready' } });
  client.receive({ jsonrpc: '2.0', id: sent[0]?.id, result: { personas: [] } });
  assert.deepEqual(await first, { personas: [] });
  assert.equal((await second).state, 'ready');
});

test('an error keeps its code, hint and retry', async () => {
  const { client, sent } = connect();
  const call = client.call('contact.show', { contact: 'bbo' });
  client.receive({
    jsonrpc: '2.0',
    id: sent[0]?.id,
    error: {
      code: -32001,
      message: 'x',
      data: {
        code: 'contact.unknown',
        message: 'There is no contact "bbo".',
        hint: 'See bauta contact list.',
        retry: 'no',
      },
    },
  });
  await assert.rejects(call, (error: Failure) => {
    assert.deepEqual(error.toJSON(), {
      code: 'contact.unknown',
      message: 'There is no contact "bbo".',
      hint: 'See bauta contact list.',
      retry: 'no',
    });
    return true;
  });
});

test('foreign frames change nothing', async () => {
  const { client, sent } = connect();
  const call = client.call('status.get', {});
  for (const frame of [
    null,
    1,
    'x',
    [],
    {},
    { id: 99, result: 1 },
    { id: '1', result: 1 },
    { id: {}, result: 1 },
    { id: 1.5 },
    { id: 7, method: 'event' },
  ]) {
    client.receive(frame);
  }
  client.receive({ id: sent[0]?.id, result: { state: 'off' } });
  assert.equal((await call).state, 'off');
});

test('notifications and last words arrive', () => {
  const { client } = connect();
  const heard: unknown[] = [];
  client.onNotification = (method, params) => heard.push([method, params]);
  client.onBroken = (failure) => heard.push(failure.code);
  client.receive({ jsonrpc: '2.0', method: 'event', params: { cursor: 1 } });
  client.receive({
    jsonrpc: '2.0',
    id: null,
    error: { code: -32001, message: 'm', data: { code: 'daemon.not_running', message: 'm', retry: 'later' } },
  });
  assert.deepEqual(heard, [['event', { cursor: 1 }], 'daemon.not_running']);
});

test('a closed wire fails all that waits, and what comes after', async () => {
  const { client } = connect();
  const calls = Array.from({ length: LIMITS.max_calls + 3 }, () => codeOf(client.call('status.get', {})));
  client.closed();
  assert.deepEqual(new Set(await Promise.all(calls)), new Set(['daemon.unreachable']));
  assert.equal(await codeOf(client.call('status.get', {})), 'daemon.unreachable');
});

test('calls under way and calls that wait are bounded', async () => {
  const { client, sent } = connect();
  const calls = Array.from({ length: LIMITS.max_calls + MAX_WAITING }, () =>
    client.call('status.get', {}).catch(() => undefined),
  );
  assert.equal(sent.length, LIMITS.max_calls);
  assert.equal(await codeOf(client.call('status.get', {})), 'daemon.busy');
  client.receive({ id: sent[0]?.id, result: {} });
  assert.equal(sent.length, LIMITS.max_calls + 1);
  client.close();
  await Promise.all(calls);
});

test("a call without an answer ends, and a late answer is nobody's", async () => {
  const { client, sent, timers } = connect();
  const call = codeOf(client.call('status.get', {}));
  timers.ring();
  assert.equal(await call, 'daemon.unreachable');
  client.receive({ id: sent[0]?.id, result: {} });
});

test('a frame that is too long is not sent', async () => {
  const { client, sent } = connect();
  assert.equal(
    await codeOf(client.call('post.encrypt', { text: 'é'.repeat(LIMITS.max_frame / 2) })),
    'request.too_large',
  );
  assert.equal(sent.length, 0);
});

test('whatever is no error object becomes one', () => {
  for (const value of [undefined, null, 7, 'text', [], {}, { code: 5 }, { data: null }, { data: { code: '' } }]) {
    assert.equal(failureFrom(value).code, 'internal');
  }
});
