/**
 * What the worker, a content script and the frames in a page say to each other.
 *
 * A content script asks for a ticket and puts up a frame that has it in its address; the frame shows the ticket to the
 * worker, which knows what it is for. So the opened text goes from the worker to the frame, past the page.
 */
import type { DecryptedPost, RpcError } from '../api/generated.ts';

/** UTF-16 units of the longest payload: Mask's own limit is far below. */
export const MAX_PAYLOAD = 64 * 1024;

/** What a ticket is for. */
export type TicketKind = 'post' | 'compose';

const NAME = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether something is written as the name of a ticket. */
export const isTicketName = (name: unknown): name is string => typeof name === 'string' && NAME.test(name);

/** What a content script says to the worker, which believes none of it. */
export type FromContent =
  | { readonly type: 'post'; readonly payload: string }
  /** Opens the window for writing, or brings it to the front: `ticket` is that of the last one. */
  | { readonly type: 'compose'; readonly ticket?: string }
  /** A worker that was started again does not know this ticket. */
  | { readonly type: 'restore'; readonly kind: TicketKind; readonly ticket: string; readonly payload?: string }
  | { readonly type: 'drop'; readonly ticket: string }
  /** Whether the site is still on. */
  | { readonly type: 'check' };

/** What the worker says to a content script. */
export type ToContent =
  | { readonly type: 'restore'; readonly ticket: string }
  | { readonly type: 'height'; readonly ticket: unknown; readonly height: number; readonly open: boolean }
  | { readonly type: 'cancel'; readonly ticket: unknown }
  | { readonly type: 'insert'; readonly ticket: unknown; readonly text: string }
  | { readonly type: 'check' };

/** On whose account a post is opened. */
export const WAYS = [
  /** A page shows it, and no person asked. */
  'shown',
  /** A person asked to see it. */
  'open',
  /** A person asked for its key, too: that may be looked up. */
  'fetch',
] as const;

export type Way = (typeof WAYS)[number];

/** What the worker sends to the frame of a post. */
export type Opened =
  | { readonly state: 'waiting' }
  | { readonly state: 'looking' }
  /** It waits for a person: to open it would tell the page who can read it. */
  | { readonly state: 'closed' }
  /** Its key is not on this machine. */
  | { readonly state: 'ask' }
  /** Too many at once: it waits for a person. */
  | { readonly state: 'held' }
  /** The daemon is locked: what was open is closed. */
  | { readonly state: 'locked' }
  | { readonly state: 'gone' }
  | { readonly state: 'open'; readonly post: DecryptedPost }
  | { readonly state: 'failed'; readonly error: RpcError };
