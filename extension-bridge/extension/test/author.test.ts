import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorWords } from '../src/frame/author.ts';

// The words themselves, as the browser gives them, with what is put in.
(globalThis as { chrome?: unknown }).chrome = {
  i18n: { getMessage: (key: string, [name]: string[]) => `${key}: ${name?.replaceAll(/\p{Cf}/gu, '')}` },
};

test('that somebody wrote a post is said only where it is certain', () => {
  const claim = { author: 'person:twitter.com/bob', author_name: 'bob', author_proven: false };
  assert.equal(authorWords(claim), 'post_names_key: bob');
  assert.equal(authorWords({ ...claim, author_proven: true }), 'post_by: bob');
  assert.equal(authorWords({ ...claim, author_name: null }), 'post_names: twitter.com/bob');
  // Nobody is named whose key it is: so nothing is proven about anybody.
  assert.equal(authorWords({ ...claim, author_name: null, author_proven: true }), 'post_names: twitter.com/bob');
  assert.equal(authorWords({ author: null, author_proven: false }), undefined);
});
