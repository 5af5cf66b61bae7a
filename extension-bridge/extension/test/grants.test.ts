import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GRANTS } from '../src/api/generated.ts';
import { LEVEL_NAMES, LEVELS, mayAskForMore, nextLevel } from '../src/core/grants.ts';

test('each level has all of the one before, the last one everything but administration', () => {
  for (const [at, name] of LEVEL_NAMES.entries()) {
    const before = LEVEL_NAMES[at - 1];
    if (before === undefined) continue;
    assert.ok(LEVELS[before].every((grant) => (LEVELS[name] as readonly string[]).includes(grant)));
    assert.ok(LEVELS[name].length > LEVELS[before].length);
  }
  assert.deepEqual(
    LEVELS.messages,
    GRANTS.filter((grant) => grant !== 'persona.admin'),
  );
});

test('the least is asked for first, and then what is missing', () => {
  assert.equal(nextLevel([]), 'posts');
  assert.equal(nextLevel(LEVELS.posts), 'readers');
  assert.equal(nextLevel(['status.read', 'posts.use', 'messages.read']), 'readers');
  assert.equal(nextLevel(LEVELS.readers), 'messages');
  assert.equal(mayAskForMore(LEVELS.readers), true);
  assert.equal(mayAskForMore(LEVELS.messages), false);
});
