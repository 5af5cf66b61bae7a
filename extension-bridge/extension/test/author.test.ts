import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorWords, readersWords } from '../src/frame/author.ts';

// The words themselves, as the browser gives them, with what is put in.
(globalThis as { chrome?: unknown }).chrome = {
  i18n: {
    getMessage: (key: string, [name]: string[] = []) =>
      key === 'language' ? 'en' : name === undefined ? key : `${key}: ${name.replaceAll(/\p{Cf}/gu, '')}`,
    getUILanguage: () => 'en-GB',
  },
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

test('readers are counted where that is known, and never guessed', () => {
  assert.equal(readersWords({ public: true }), 'post_public');
  assert.equal(readersWords({ public: false }), 'post_private');
  assert.equal(readersWords({ public: false, readers: null }), 'post_private');
  assert.equal(readersWords({ public: false, readers: 0 }), 'post_alone');
  assert.equal(readersWords({ public: false, readers: 1 }), 'post_readers_one: 1');
  assert.equal(readersWords({ public: false, readers: 1234 }), 'post_readers_other: 1,234');
});
