import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

type Messages = Record<string, { message: string }>;

const read = (language: string): Messages => JSON.parse(readFileSync(join('_locales', language, 'messages.json'), 'utf8')) as Messages;
const english = read('en');
const chinese = read('zh_CN');

const sources = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? sources(join(directory, entry.name)) : /\.(ts|html|json)$/.test(entry.name) ? [readFileSync(join(directory, entry.name), 'utf8')] : [],
  );

const STAGES = ['connecting', 'missing', 'forbidden', 'stopped', 'locked', 'version', 'unpaired', 'pairing', 'refused', 'expired', 'revoked', 'ready'];
const STATES = ['off', 'connecting', 'ready', 'degraded', 'lost', 'locked'];
const MESSAGES = ['queued', 'stored', 'delivered', 'failed'];
const CONTACTS = ['invited', 'pending', 'active', 'blocked'];

const used = (): Set<string> => {
  const keys = new Set<string>();
  for (const text of [...sources('src'), ...sources('static')]) {
    for (const [, key] of text.matchAll(/\bsay\('([A-Za-z0-9_]+)'/g)) if (key !== undefined) keys.add(key);
    for (const [, key] of text.matchAll(/\bsay\([^()'`]*\? '([A-Za-z0-9_]+)' : '[A-Za-z0-9_]+'/g)) if (key !== undefined) keys.add(key);
    for (const [, key] of text.matchAll(/\bsay\([^()'`]*\? '[A-Za-z0-9_]+' : '([A-Za-z0-9_]+)'/g)) if (key !== undefined) keys.add(key);
    for (const [, key] of text.matchAll(/data-i18n(?:-label)?="([A-Za-z0-9_]+)"/g)) if (key !== undefined) keys.add(key);
    for (const [, key] of text.matchAll(/__MSG_([A-Za-z0-9_]+)__/g)) if (key !== undefined) keys.add(key);
  }
  for (const [prefix, names] of [['stage', STAGES], ['state', STATES], ['message', MESSAGES], ['contact', CONTACTS]] as const) {
    for (const name of names) keys.add(`${prefix}_${name}`);
  }
  return keys;
};

test('both languages have the same keys, and the same places for what is put in', () => {
  assert.deepEqual(Object.keys(chinese), Object.keys(english));
  for (const [key, { message }] of Object.entries(english)) {
    const places = (text: string | undefined) => [...(text ?? '').matchAll(/\$\d/g)].map(String).sort();
    assert.deepEqual(places(chinese[key]?.message), places(message), key);
    assert.doesNotMatch(message, /!/, key);
    assert.notEqual(chinese[key]?.message.trim(), '', key);
  }
});

test('every key in use has words, and all words are in use', () => {
  const keys = used();
  assert.deepEqual([...keys].filter((key) => english[key] === undefined), []);
  assert.deepEqual(Object.keys(english).filter((key) => !keys.has(key)), []);
});

test('the glossary holds', () => {
  for (const [key, english_, chinese_] of [
    ['persona', 'Persona', '身份'],
    ['requests', 'Requests', '请求'],
    ['message_stored', 'Stored at the relay', '已存至中继'],
    ['message_delivered', 'Delivered', '已送达'],
    ['pairing', 'Pairing', '配对'],
    ['state_locked', 'Locked', '已锁定'],
  ] as const) {
    assert.equal(english[key]?.message, english_);
    assert.equal(chinese[key]?.message, chinese_);
  }
});
