import { isTicketName, WAYS, type Opened, type ToContent, type Way } from '../core/tickets.ts';
import type { Opener, Ticket, Tickets } from './pages.ts';
import { isOn } from './sites.ts';

/** Sends a message to the content script of a tab. The script is in the page itself, not in its frames. */
export const toContent = async (tab: number | undefined, message: ToContent): Promise<unknown> => {
  if (tab === undefined) return undefined;
  return chrome.tabs.sendMessage(tab, message, { frameId: 0 }).catch(() => undefined);
};

/** A ticket by its name, on a site that is on. Content scripts send this worker again the tickets of a worker before it. */
export const ticketOf = async (
  tickets: Tickets,
  name: unknown,
  tab: number | undefined,
  kind: Ticket['kind'],
): Promise<Ticket | undefined> => {
  if (tickets.take(name, tab, kind) === undefined && isTicketName(name))
    await toContent(tab, { type: 'restore', ticket: name });
  const ticket = tickets.take(name, tab, kind);
  return ticket !== undefined && (await isOn(ticket.origin)) ? ticket : undefined;
};

export interface FrameParts {
  readonly tickets: Tickets;
  readonly opener: Opener;
  /** Opens a window in which readers are added to a post. */
  addReaders(ticket: string, place: Ticket): void;
  /** Waits while a connection is being made; `now`: somebody pressed a button, so that it is tried at once. */
  connected(now: boolean): Promise<void>;
}

const wayOf = (way: unknown): Way | undefined => WAYS.find((one) => one === way);

/** A post that is shown in a frame. */
interface Shown {
  /** Its payload, if it is open. */
  opened(): string | undefined;
  again(): void;
  lock(): void;
}

/** Frames of ours inside pages: each shows one post. The page's own script cannot reach them. */
export class PostFrames {
  readonly #parts: FrameParts;
  readonly #shown = new Set<Shown>();

  constructor(parts: FrameParts) {
    this.#parts = parts;
  }

  /** Opens a post again where it is open: it has more readers. */
  again(payload: string): void {
    for (const one of this.#shown) if (one.opened() === payload) one.again();
  }

  /** Nothing that was encrypted stays on the screen. */
  lock(): void {
    for (const one of this.#shown) one.lock();
  }

  serve(port: chrome.runtime.Port, tab: number | undefined): void {
    const { tickets, opener, addReaders, connected } = this.#parts;
    let cancel = (): void => {};
    let ticketName: string | undefined;
    let shown: Ticket | undefined;
    let state: Opened['state'] = 'waiting';
    let gone = false;
    const say = (opened: Opened): void => {
      ({ state } = opened);
      try {
        port.postMessage(opened);
      } catch {
        cancel();
      }
    };
    port.onDisconnect.addListener(() => {
      gone = true;
      this.#shown.delete(own);
      cancel();
      if (ticketName !== undefined) tickets.drop(ticketName);
    });
    const open = async (name: unknown, way: Way): Promise<void> => {
      const ticket = await ticketOf(tickets, name, tab, 'post');
      if (gone) return;
      if (ticket === undefined) {
        // The frame is not one that we put up, or the site is off.
        say({ state: 'gone' });
        return;
      }
      ticketName = name as string;
      shown = ticket;
      if (way !== 'shown') await connected(true);
      if (gone) return;
      cancel();
      cancel = opener.open(ticket, way, say);
    };
    const own: Shown = {
      opened: () => (state === 'open' ? shown?.payload : undefined),
      again: () => void open(ticketName, 'open'),
      lock: () => {
        cancel();
        say({ state: 'locked' });
      },
    };
    this.#shown.add(own);
    port.onMessage.addListener((message: { type?: unknown; ticket?: unknown; height?: unknown; open?: unknown }) => {
      const way = wayOf(message.type);
      if (way !== undefined) {
        void open(message.ticket, way);
      } else if (message.type === 'readers') {
        // Only one that a person opened has the button for it.
        if (ticketName !== undefined && shown !== undefined) addReaders(ticketName, shown);
      } else if (message.type === 'height' && typeof message.height === 'number') {
        // The content script knows its own tickets.
        void toContent(tab, {
          type: 'height',
          ticket: message.ticket,
          height: Math.min(Math.max(message.height, 0), 20_000),
          open: message.open === true,
        });
      }
    });
  }
}
