import type { Methods } from '../api/generated.ts';
import { Failure, failureFrom } from '../core/failure.ts';
import { isTicketName, type Opened, type ToContent } from '../core/tickets.ts';
import type { Link } from './link.ts';
import { networkOf, type Opener, type Ticket, type Tickets } from './pages.ts';
import { isOn } from './sites.ts';

/** Waiting calls have their own limits in the daemon; here only what never answers ends. */
export const LONGEST_CALL = 120_000;

/** Sends a message to the content script of a tab. The script is in the page itself, not in its frames. */
export const toContent = async (tab: number | undefined, message: ToContent): Promise<unknown> => {
  if (tab === undefined) return undefined;
  return chrome.tabs.sendMessage(tab, message, { frameId: 0 }).catch(() => undefined);
};

export interface FrameParts {
  readonly link: Link;
  readonly tickets: Tickets;
  readonly opener: Opener;
  /** Waits while a connection is being made; `now`: somebody pressed a button, so that it is tried at once. */
  connected(now: boolean): Promise<void>;
}

/** Serves our frames inside pages. */
export const frames = ({ link, tickets, opener, connected }: FrameParts) => {
  /** The ticket of a frame, on a site that is on. Content scripts send this worker again the tickets of a worker before it. */
  const ticketOf = async (
    name: unknown,
    tab: number | undefined,
    kind: Ticket['kind'],
  ): Promise<Ticket | undefined> => {
    if (tickets.take(name, tab, kind) === undefined && isTicketName(name))
      await toContent(tab, { type: 'restore', ticket: name });
    const ticket = tickets.take(name, tab, kind);
    return ticket !== undefined && (await isOn(ticket.origin)) ? ticket : undefined;
  };

  /** A frame of ours inside a page: shows one post. The page's own script cannot reach it. */
  const servePost = (port: chrome.runtime.Port, tab: number | undefined): void => {
    let cancel = (): void => {};
    let ticketName: string | undefined;
    let gone = false;
    const say = (opened: Opened): void => {
      try {
        port.postMessage(opened);
      } catch {
        cancel();
      }
    };
    port.onDisconnect.addListener(() => {
      gone = true;
      cancel();
      if (ticketName !== undefined) tickets.drop(ticketName);
    });
    const open = async (name: unknown, asked: boolean): Promise<void> => {
      const ticket = await ticketOf(name, tab, 'post');
      if (gone) return;
      if (ticket === undefined) {
        // The frame is not one that we put up, or the site is off.
        say({ state: 'gone' });
        return;
      }
      ticketName = name as string;
      if (asked) await connected(true);
      if (gone) return;
      cancel();
      cancel = opener.open(ticket, asked, say);
    };
    port.onMessage.addListener((message: { type?: unknown; ticket?: unknown; height?: unknown; open?: unknown }) => {
      if (message.type === 'open' || message.type === 'ask') {
        void open(message.ticket, message.type === 'ask');
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
  };

  /** A frame of ours inside a page: the overlay that a post is written in. */
  const serveCompose = (port: chrome.runtime.Port, tab: number | undefined): void => {
    port.onMessage.addListener((message: { type?: unknown; ticket?: unknown; params?: unknown; persona?: unknown }) => {
      const name = message.ticket;
      const work = async (): Promise<unknown> => {
        if (message.type === 'cancel') {
          await toContent(tab, { type: 'cancel', ticket: name });
          if (tickets.take(name, tab, 'compose') !== undefined) tickets.drop(name as string);
          return { done: true };
        }
        const ticket = await ticketOf(name, tab, 'compose');
        if (ticket === undefined)
          throw new Failure({
            code: 'page.gone',
            message: 'This page is not open any more, or its site was switched off.',
            hint: 'Reload the page.',
            retry: 'no',
          });
        await connected(true);
        switch (message.type) {
          case 'people': {
            const { personas } = await link.call('persona.list', {});
            const names = personas
              .map((persona) => persona.name)
              .filter((one) => link.state.personas?.includes(one) ?? true);
            const wanted = typeof message.persona === 'string' ? message.persona : names[0];
            const contacts =
              wanted === undefined ? [] : (await link.call('contact.list', { persona: wanted })).contacts;
            return {
              people: contacts
                .filter((contact) => contact.public_key != null && contact.state !== 'blocked')
                .map((contact) => contact.name),
              personas: names,
              network: networkOf(ticket.origin),
            };
          }
          case 'encrypt': {
            const made = await link.call(
              'post.encrypt',
              message.params as Methods['post.encrypt']['params'],
              LONGEST_CALL,
            );
            const put = (await toContent(ticket.tab, { type: 'insert', ticket: name, text: made.text })) as
              { done?: boolean } | undefined;
            if (put?.done !== true) return { text: made.text };
            tickets.drop(name as string);
            return { done: true };
          }
          default:
            return {};
        }
      };
      void work()
        .catch((error: unknown) => ({ error: failureFrom(error).toJSON() }))
        .then((result) => port.postMessage({ of: message.type, ...(result as object) }))
        .catch(() => undefined);
    });
  };

  return { servePost, serveCompose };
};
