import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { constants } from '../scripts/schema.mjs';
import { ERROR_CODES, GRANTS, TRAFFIC_PROFILES } from '../src/api/generated.ts';
import { connectionBroke, failureFrom } from '../src/core/failure.ts';
import { LEVEL_NAMES } from '../src/core/grants.ts';
import { STAGES } from '../src/core/messages.ts';
import { NOTICES } from '../src/core/notices.ts';

type Messages = Record<string, { message: string }>;

const read = (language: string): Messages =>
  JSON.parse(readFileSync(join('_locales', language, 'messages.json'), 'utf8')) as Messages;
const english = read('en');
const chinese = read('zh_CN');

const sources = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? sources(join(directory, entry.name))
      : /\.(ts|html|json)$/.test(entry.name)
        ? [readFileSync(join(directory, entry.name), 'utf8')]
        : [],
  );

const api = JSON.parse(readFileSync('../../ipc/openrpc.json', 'utf8'));
const choices = (schema: string): string[] => constants(api.components.schemas[schema]);
const STATES = choices('ConnectionState');
const MESSAGES = choices('MessageState');
const CONTACTS = choices('ContactState');
const GRANTED = GRANTS.filter((grant) => grant !== 'persona.admin').map((grant) => grant.replace('.', '_'));
const SYSTEMS = ['linux', 'mac', 'windows'];
const NETWORKS = ['local', 'mainnet'];
/** The daemon's own sentences are English; other languages have theirs by its codes and names. */
const TRANSLATED = /^(error|hint|traffic)_/;
const ERRORS = /^(error|hint)_/;

const used = (): Set<string> => {
  const keys = new Set<string>();
  for (const text of [...sources('src'), ...sources('static')]) {
    for (const [, key] of text.matchAll(/\b(?:say|words)\(\s*'([A-Za-z0-9_]+)'/g)) if (key !== undefined) keys.add(key);
    for (const [, key] of text.matchAll(/\bsay\([^()'`]*\? '([A-Za-z0-9_]+)' : '[A-Za-z0-9_]+'/g))
      if (key !== undefined) keys.add(key);
    for (const [, key] of text.matchAll(/\bsay\([^()'`]*\? '[A-Za-z0-9_]+' : '([A-Za-z0-9_]+)'/g))
      if (key !== undefined) keys.add(key);
    for (const [, key] of text.matchAll(/\bcounted\(\s*'([A-Za-z0-9_]+)'/g))
      for (const form of ['one', 'other']) keys.add(`${key}_${form}`);
    for (const [, key] of text.matchAll(/data-i18n(?:-label)?="([A-Za-z0-9_]+)"/g))
      if (key !== undefined) keys.add(key);
    for (const [, key] of text.matchAll(/__MSG_([A-Za-z0-9_]+)__/g)) if (key !== undefined) keys.add(key);
  }
  // Keys that are in tables of the code, such as those of phases and meanings.
  for (const text of sources('src'))
    for (const [, key] of text.matchAll(/'((?:phase|means)_[a-z]+|[a-z]+Note|notVerified|noPersona|noContacts)'/gi))
      if (key !== undefined) keys.add(key);
  for (const [prefix, names] of [
    ['stage', STAGES],
    ['state', STATES],
    ['message', MESSAGES],
    ['contact', CONTACTS],
    ['grant', GRANTED],
    ['terminal', SYSTEMS],
    ['network', NETWORKS],
    ['profile', choices('ProfileSource')],
    ['notices', NOTICES],
    ['level', LEVEL_NAMES],
  ] as const) {
    for (const name of names) keys.add(`${prefix}_${name}`);
  }
  return keys;
};

test('both languages have the same keys, and the same places for what is put in', () => {
  assert.deepEqual(
    Object.keys(chinese).filter((key) => !TRANSLATED.test(key)),
    Object.keys(english),
  );
  for (const [key, { message }] of Object.entries(english)) {
    const places = (text: string | undefined) => [...(text ?? '').matchAll(/\$\d/g)].map(String).sort();
    assert.deepEqual(places(chinese[key]?.message), places(message), key);
    assert.doesNotMatch(message, /!/, key);
    // A number has both its forms, with the number in each.
    const other = key.replace(/_(one|other)$/, (_, form: string) => (form === 'one' ? '_other' : '_one'));
    if (other !== key) assert.ok(english[other] !== undefined && message.includes('$1'), key);
    assert.notEqual(chinese[key]?.message.trim(), '', key);
  }
});

test('every key in use has words, and all words are in use', () => {
  const keys = used();
  assert.deepEqual(
    [...keys].filter((key) => english[key] === undefined),
    [],
  );
  assert.deepEqual(
    Object.keys(english).filter((key) => !keys.has(key)),
    [],
  );
});

test('errors that are told in Chinese are ones that the daemon has, each with its hint', () => {
  const codes = new Set(ERROR_CODES.map((code) => code.replaceAll('.', '_')));
  const told = Object.keys(chinese).filter((key) => ERRORS.test(key));
  assert.deepEqual(
    told.filter((key) => !codes.has(key.replace(ERRORS, ''))),
    [],
  );
  for (const key of told) assert.ok(chinese[key.replace(ERRORS, key.startsWith('error') ? 'hint_' : 'error_')], key);
});

test('the same words as on the command line', () => {
  const words = readFileSync('../../cli/src/words.rs', 'utf8');
  for (const key of [
    'state_off',
    'state_connecting',
    'state_ready',
    'state_degraded',
    'state_lost',
    'state_locked',
    ...MESSAGES.map((state) => `message_${state}`),
  ]) {
    assert.ok(words.includes(`"${english[key]?.message}"`), key);
  }
  for (const state of CONTACTS)
    assert.ok(words.toLowerCase().includes(`"${english[`contact_${state}`]?.message.toLowerCase()}"`), state);
  const phases = readFileSync('../../daemon/src/node/view.rs', 'utf8');
  for (const [key, { message }] of Object.entries(english))
    if (key.startsWith('phase_')) assert.ok(phases.includes(`"${message}"`), key);
});

test('every traffic profile is explained in Chinese; in English the daemon does that', () => {
  assert.deepEqual(
    Object.keys(chinese).filter((key) => key.startsWith('traffic_')),
    TRAFFIC_PROFILES.map((profile) => `traffic_${profile}`),
  );
});

test('the same sentence as of the daemon for what the extension itself finds', () => {
  const meanings = api['x-errors'] as { code: string; meaning: string }[];
  for (const failure of [connectionBroke('', 'now'), failureFrom(undefined)]) {
    assert.equal(failure.message, meanings.find(({ code }) => code === failure.code)?.meaning);
  }
});

test('the glossary holds', () => {
  for (const [key, english_, chinese_] of [
    ['persona', 'Persona', '身份'],
    ['language', 'en', 'zh-CN'],
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
