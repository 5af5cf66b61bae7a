import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { METHODS } from '../src/api/generated.ts';

test('the generated client is that of ipc/openrpc.json', () => {
  const run = spawnSync(process.execPath, ['scripts/generate-api.mjs', '--check'], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
});

test('every method states its grant, its network use and what it reveals', () => {
  for (const [name, facts] of Object.entries(METHODS)) {
    if (facts.grant !== null) assert.match(facts.grant, /^([a-z]+\.[a-z]+|any)$/, name);
    assert.ok(['none', 'queued', 'interactive'].includes(facts.network), name);
    assert.notEqual(facts.reveals, '', name);
  }
});
