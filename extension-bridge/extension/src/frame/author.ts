import type { DecryptedPost } from '../api/generated.ts';
import { counted, isolated, words as say } from '../core/i18n.ts';

/**
 * Who wrote a post, in words that say no more than what is certain. A post names its author, and whoever writes one can
 * name anybody; undefined where it names nobody.
 */
export const authorWords = (
  post: Pick<DecryptedPost, 'author' | 'author_name' | 'author_proven'>,
): string | undefined => {
  const name = post.author_name ?? undefined;
  if (name !== undefined) return say(post.author_proven ? 'post_by' : 'post_names_key', isolated(name));
  const profile = post.author?.replace(/^person:/, '');
  return profile === undefined ? undefined : say('post_names', isolated(profile));
};

/** Who can read a post. How many there are is known of those that were written here. */
export const readersWords = ({ public: everyone, readers }: Pick<DecryptedPost, 'public' | 'readers'>): string => {
  if (everyone === true) return say('post_public');
  if (readers == null) return say('post_private');
  return readers === 0 ? say('post_alone') : counted('post_readers', readers);
};
