import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayCall, speakerOf, unreadKey, unreadOf } from '../src/core/messages.ts';

const ID = 'glggelpbdmnoognbkiacemakhjalbeki';
const BASE = `chrome-extension://${ID}/`;

test('pages of the extension are known by name', () => {
  assert.deepEqual(speakerOf({ id: ID, url: `${BASE}panel.html?popup#x` }, ID, BASE), {
    kind: 'own',
    page: 'panel.html',
    tab: undefined,
  });
  assert.deepEqual(speakerOf({ id: ID, url: `${BASE}post.html#t`, tab: { id: 3 }, frameId: 7 }, ID, BASE), {
    kind: 'own',
    page: 'post.html',
    tab: 3,
  });
});

test('a content script speaks for its site only', () => {
  assert.deepEqual(
    speakerOf(
      { id: ID, url: 'https://a.example/x', origin: 'https://a.example', tab: { id: 3 }, frameId: 0 },
      ID,
      BASE,
    ),
    { kind: 'web', origin: 'https://a.example', tab: 3, frame: 0 },
  );
});

test('everything else is foreign', () => {
  const page = { url: 'https://a.example/x', tab: { id: 3 }, frameId: 0 };
  for (const sender of [
    {},
    { ...page },
    { ...page, id: 'another' },
    { url: `${BASE}panel.html`, id: 'another' },
    { id: ID },
    { id: ID, url: 'https://a.example/' },
    { ...page, id: ID, origin: 'https://b.example' },
    { ...page, id: ID, url: 'file:///etc/passwd' },
    { ...page, id: ID, url: 'about:blank' },
    { ...page, id: ID, url: `chrome-extension://${ID}.evil/panel.html` },
    { ...page, id: ID, url: 'nonsense' },
  ]) {
    assert.equal(speakerOf(sender, ID, BASE).kind, 'foreign', JSON.stringify(sender));
  }
});

test('what changes personas or stops the daemon is never called', () => {
  for (const method of [
    'persona.new',
    'persona.export',
    'persona.import',
    'persona.backup',
    'daemon.stop',
    'post.settings',
    'hello',
    'event.subscribe',
    'pair.approve',
    'lock',
    'unlock',
    'config.set',
    'persona.delete',
    'toString',
    '__proto__',
    7,
    null,
  ]) {
    assert.equal(mayCall(method), false, String(method));
  }
  for (const method of ['status.get', 'message.send', 'post.decrypt', 'contact.verify', 'message.keep'])
    assert.equal(mayCall(method), true);
});

test('unread messages are counted by persona', () => {
  const unread = { [unreadKey('al', 'bob')]: 1, [unreadKey('alice', 'bob')]: 2, [unreadKey('alice', 'carol')]: 3 };
  assert.deepEqual([unreadOf(unread, 'al'), unreadOf(unread, 'alice'), unreadOf(unread, 'bob')], [1, 5, 0]);
});
