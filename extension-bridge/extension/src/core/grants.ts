import type { Grant } from '../api/generated.ts';

/** What a pairing may be asked for, least first; each has all that the one before has. */
export const LEVELS = {
  posts: ['status.read', 'posts.use'],
  readers: ['status.read', 'posts.use', 'contacts.read'],
  messages: ['status.read', 'posts.use', 'contacts.read', 'messages.read', 'messages.send'],
} as const satisfies Record<string, readonly Grant[]>;

export type Level = keyof typeof LEVELS;

export const LEVEL_NAMES = Object.keys(LEVELS) as readonly Level[];

const has = (grants: readonly string[], level: Level): boolean =>
  LEVELS[level].every((grant) => grants.includes(grant));

/** What to ask for first: the least, or the next that a pairing does not have yet. */
export const nextLevel = (grants: readonly string[]): Level =>
  LEVEL_NAMES.find((level) => !has(grants, level)) ?? 'messages';

/** Whether there is something left to ask for. */
export const mayAskForMore = (grants: readonly string[]): boolean => !has(grants, 'messages');
