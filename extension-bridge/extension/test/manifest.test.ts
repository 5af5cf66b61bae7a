import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

interface Manifest {
  web_accessible_resources: { resources: string[] }[];
  key?: string;
  permissions: string[];
  optional_permissions: string[];
  host_permissions?: string[];
  content_security_policy: { extension_pages: string };
  browser_specific_settings?: { gecko: { id: string } };
}

const ids = JSON.parse(readFileSync('../ids.json', 'utf8')) as {
  chromium: { id: string; key: string }[];
  firefox: { id: string }[];
};

const manifest = (browser: string): Manifest => {
  const path = `dist/${browser}/manifest.json`;
  assert.ok(existsSync(path), `${path} is missing: npm run build makes it`);
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest;
};

/** Chromium's id of a key: the first 16 bytes of its SHA-256, each half byte as a letter from a to p. */
const idOf = (key: string): string =>
  [...createHash('sha256').update(Buffer.from(key, 'base64')).digest('hex').slice(0, 32)]
    .map((digit) => String.fromCharCode(97 + Number.parseInt(digit, 16)))
    .join('');

test('the key in the manifest for Chromium gives the id that the host lets in', () => {
  assert.equal(idOf(manifest('chromium').key ?? ''), ids.chromium[0]?.id);
  for (const { id, key } of ids.chromium) assert.equal(idOf(key), id);
});

test('the manifest for Firefox has the id that the host lets in', () => {
  assert.equal(manifest('firefox').browser_specific_settings?.gecko.id, ids.firefox[0]?.id);
  assert.equal(manifest('firefox').key, undefined);
});

test('a page can frame nothing but the frame of a post', () => {
  for (const browser of ['chromium', 'firefox'])
    assert.deepEqual(
      manifest(browser).web_accessible_resources.flatMap(({ resources }) => resources),
      ['post.html'],
    );
});

test('what people install has the guard against pages', () => {
  for (const browser of ['chromium', 'firefox']) {
    const script = readFileSync(`dist/${browser}/post.js`, 'utf8');
    assert.match(script, /"shown"/);
    assert.doesNotMatch(script, /UNGUARDED/);
  }
});

test('no manifest asks for more than it says', () => {
  const common = ['nativeMessaging', 'storage', 'scripting', 'activeTab', 'alarms'];
  assert.deepEqual(manifest('chromium').permissions, [...common, 'sidePanel']);
  assert.deepEqual(manifest('firefox').permissions, common);
  for (const browser of ['chromium', 'firefox']) {
    assert.equal(manifest(browser).host_permissions, undefined);
    // Asked for when notifications are switched on.
    assert.deepEqual(manifest(browser).optional_permissions, ['notifications']);
    const policy = manifest(browser).content_security_policy.extension_pages;
    assert.match(policy, /default-src 'none'; script-src 'self'/);
    assert.doesNotMatch(policy, /connect-src|unsafe/);
  }
});
