import type { Event } from '../api/generated.ts';
import { bodyWords } from '../core/body.ts';
import { isolated, words } from '../core/i18n.ts';
import { unreadKey } from '../core/messages.ts';
import { chosenNotice, type Notice } from '../core/notices.ts';

/** Characters of a message in a notification; the system shows fewer. */
const LONGEST = 200;
/** The id of the one about strangers; that of a conversation is its `unreadKey`, which has a line feed. */
const REQUEST = 'request';

/** What a notification says, and what it is about: a later one about the same takes its place. */
export interface Said {
  readonly about: string;
  readonly title: string;
  readonly message: string;
}

/** What to say of an event; undefined: nothing. What a stranger writes is never shown. */
export const noticeOf = (event: Event, notice: Notice): Said | undefined => {
  if (notice === 'off') return undefined;
  if (event.kind === 'contact.request') return { about: REQUEST, title: 'Bauta', message: words('noticeRequest') };
  if (event.kind !== 'message.received') return undefined;
  const { persona, from } = event.message;
  const about = unreadKey(persona, from);
  if (notice === 'bare') return { about, title: 'Bauta', message: words('noticeMessage') };
  const message = notice === 'text' ? bodyWords(event.message).slice(0, LONGEST) : words('noticeMessage');
  return { about, title: isolated(from), message };
};

/** Where a press on a notification leads. */
export interface Place {
  readonly persona: string;
  readonly contact: string;
}

/** The place of a notification; undefined for one about requests. */
export const placeOf = (about: string): Place | undefined => {
  const [persona, contact] = about.split('\n');
  return persona === undefined || contact === undefined ? undefined : { persona, contact };
};

interface Parts {
  /** Whether somebody looks at this conversation now. */
  isSeen(about: string): boolean;
  isLoud(persona: string, contact: string): Promise<boolean>;
  open(place: Place | undefined): void;
}

/**
 * Desktop notifications. The browser has the API only while the permission for it is given, which is asked for when they
 * are switched on.
 */
export class Notices {
  readonly #parts: Parts;
  #listens = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.listen();
  }

  /** Listens for presses on notifications, from when that is allowed on. */
  listen(): void {
    if (this.#listens || this.#api === undefined) return;
    this.#listens = true;
    this.#api.onClicked.addListener((about) => {
      void this.#api?.clear(about);
      this.#parts.open(placeOf(about));
    });
  }

  async tell(event: Event): Promise<void> {
    const said = noticeOf(event, await chosenNotice());
    if (said === undefined || this.#parts.isSeen(said.about)) return;
    const place = placeOf(said.about);
    if (place !== undefined && !(await this.#parts.isLoud(place.persona, place.contact))) return;
    const { about, title, message } = said;
    await this.#api?.create(about, { type: 'basic', iconUrl: chrome.runtime.getURL('icon-128.png'), title, message });
  }

  /** Takes back what was said about these. */
  clear(abouts: readonly string[]): void {
    for (const about of abouts) void this.#api?.clear(about);
  }

  /** Takes back everything that was said. */
  async clearAll(): Promise<void> {
    this.clear(Object.keys((await this.#api?.getAll()) ?? {}));
  }

  get #api(): typeof chrome.notifications | undefined {
    return chrome.notifications as typeof chrome.notifications | undefined;
  }
}
