import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { MethodName, Methods } from '../src/api/generated.ts';
import { everything } from '../src/core/lists.ts';

test('a list is read page after page', async () => {
  const asked: unknown[] = [];
  const pages = [
    { contacts: [{ name: 'a' }, { name: 'b' }], next: '7-1' },
    { contacts: [{ name: 'c' }], next: '3-9' },
    { contacts: [] },
  ];
  const caller = {
    call: async <M extends MethodName>(method: M, params: Methods[M]['params']): Promise<Methods[M]['result']> => {
      assert.equal(method, 'contact.list');
      asked.push(params);
      return pages[asked.length - 1] as unknown as Methods[M]['result'];
    },
  };
  const names = (await everything(caller, 'contact.list', { persona: 'alice' })).map((contact) => contact.name);
  assert.deepEqual(names, ['a', 'b', 'c']);
  assert.deepEqual(asked, [
    { persona: 'alice' },
    { persona: 'alice', after: '7-1' },
    { persona: 'alice', after: '3-9' },
  ]);
});

test('a place that comes again ends the list', async () => {
  let calls = 0;
  const caller = {
    call: async <M extends MethodName>(): Promise<Methods[M]['result']> => {
      calls += 1;
      return { personas: [], next: '1' } as unknown as Methods[M]['result'];
    },
  };
  assert.deepEqual(await everything(caller, 'persona.list', {}), []);
  assert.equal(calls, 2);
});
