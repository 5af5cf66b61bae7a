import type { Event, Grant, MethodName, RpcError } from '../api/generated.ts';
import { METHODS } from '../api/generated.ts';

/** What there is to say about the connection of the extension to the daemon. */
export const STAGES = [
  'connecting',
  /** The browser finds no native messaging host. */
  'missing',
  /** The host or the browser refuses this extension. */
  'forbidden',
  'stopped',
  'locked',
  'version',
  'unpaired',
  'pairing',
  'refused',
  'expired',
  /** A pairing that was there does not hold any more. */
  'revoked',
  'ready',
] as const;

export type Stage = (typeof STAGES)[number];

/** What the worker sends to every open page of the extension. */
export interface LinkState {
  readonly stage: Stage;
  readonly grants: readonly string[];
  /** The personas this pairing may use; null: all. */
  readonly personas: readonly string[] | null;
  readonly failure?: RpcError;
  /** A pairing is asked for: also while there is one, which is to be given more. */
  readonly code?: string;
  readonly expiresAt?: string;
  /** What it asks for. */
  readonly asked?: readonly string[];
  /** How the last question for more ended, if not with a yes. */
  readonly ended?: 'refused' | 'expired';
  readonly version?: string;
  /** The pairing as the daemon knows it. */
  readonly pairing?: Pairing;
}

export interface Pairing {
  readonly label: string;
  readonly since: string;
  /** When it was connected before. */
  readonly lastUsed?: string;
}

/** Messages that nobody has read yet, by `unreadKey`. */
export type Unread = Readonly<Record<string, number>>;

export const unreadKey = (persona: string, contact: string): string => `${persona}\n${contact}`;

/** How many of them a persona has. */
export const unreadOf = (unread: Unread, persona: string): number =>
  Object.entries(unread).reduce((sum, [key, count]) => (key.startsWith(unreadKey(persona, '')) ? sum + count : sum), 0);

/** Where the conversation is kept for the session that a panel is to open: `{ persona, contact }`. */
export const PLACE = 'place';

export type ToWorker =
  | {
      readonly type: 'call';
      readonly id: number;
      readonly method: MethodName;
      readonly params: Record<string, unknown>;
    }
  | { readonly type: 'pair'; readonly label: string; readonly grants: readonly Grant[] }
  | { readonly type: 'retry' }
  /** What the page shows: whoever sees a conversation needs no notice of it. Absent: no conversation. */
  | { readonly type: 'sees'; readonly conversation?: string };

export type ToPage =
  | { readonly type: 'link'; readonly state: LinkState }
  | { readonly type: 'unread'; readonly unread: Unread }
  | { readonly type: 'event'; readonly event: Event }
  /** The log was not continuous: read the lists again. */
  | { readonly type: 'reload' }
  | { readonly type: 'answer'; readonly id: number; readonly result?: unknown; readonly error?: RpcError };

/** Methods of the connection itself; like those of pairing and sessions, only the worker calls them. */
const OWN = new Set<string>(['hello', 'event.subscribe']);

/** Whether a page of the extension may call a method: never what changes personas or stops the daemon. */
export const mayCall = (method: unknown): method is MethodName =>
  typeof method === 'string' &&
  Object.hasOwn(METHODS, method) &&
  !OWN.has(method) &&
  !/^(pair|session)\./.test(method) &&
  ![null, 'persona.admin'].includes(METHODS[method as MethodName].grant);

/** The sender of a message, as the browser states it; pages cannot choose it. */
export interface Sender {
  readonly id?: string | undefined;
  readonly url?: string | undefined;
  readonly origin?: string | undefined;
  readonly tab?: { readonly id?: number | undefined } | undefined;
  readonly frameId?: number | undefined;
}

/** Who speaks: a page of the extension by its own name, a content script in a web page, or nobody we listen to. */
export type Speaker =
  | { readonly kind: 'own'; readonly page: string; readonly tab: number | undefined }
  | { readonly kind: 'web'; readonly origin: string; readonly tab: number; readonly frame: number }
  | { readonly kind: 'foreign' };

const FOREIGN: Speaker = { kind: 'foreign' };

/** `base` is `chrome.runtime.getURL('')`, with its slash at the end. */
export const speakerOf = (sender: Sender, id: string, base: string): Speaker => {
  if (sender.id !== id || sender.url === undefined) return FOREIGN;
  if (sender.url.startsWith(base)) {
    const page = sender.url.slice(base.length).split(/[?#]/, 1)[0] ?? '';
    return { kind: 'own', page, tab: sender.tab?.id };
  }
  const tab = sender.tab?.id;
  if (tab === undefined || sender.frameId === undefined) return FOREIGN;
  const url = URL.canParse(sender.url) ? new URL(sender.url) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) return FOREIGN;
  if (sender.origin !== undefined && sender.origin !== url.origin) return FOREIGN;
  return { kind: 'web', origin: url.origin, tab, frame: sender.frameId };
};
