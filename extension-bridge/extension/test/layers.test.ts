import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
const imports = new Map(
  files.map((name) => {
    const text = readFileSync(join('src', name), 'utf8');
    const found = [...text.matchAll(/\bfrom '(\.[^']+)'/g)].map(([, path]) =>
      normalize(join(dirname(name), path ?? '')),
    );
    return [name, found] as const;
  }),
);

test('a part of the extension knows itself and what all share', () => {
  assert.ok(files.length > 20);
  for (const [name, found] of imports) {
    const allowed = [dirname(name), 'core', 'api'].slice(dirname(name) === 'core' ? 1 : 0);
    for (const path of found) assert.ok(allowed.includes(dirname(path)), `${name} imports ${path}`);
  }
});

test('no file leads back to itself', () => {
  const walk = (name: string, way: readonly string[]): void => {
    assert.ok(!way.includes(name), [...way, name].join(' -> '));
    for (const path of imports.get(name) ?? []) walk(path, [...way, name]);
  };
  for (const name of files) walk(name, []);
});
