/**
 * Windows in which posts are written, and readers added to them. Not in the page: whatever is in a page can be painted over by it, and a person who
 * reads *For bob* may be pressing *For everyone*.
 */
import type { Methods } from '../api/generated.ts';
import { Failure, failureFrom } from '../core/failure.ts';
import { everything } from '../core/lists.ts';
import { ticketOf, toContent } from './frames.ts';
import type { Link } from './link.ts';
import { networkOf, type Ticket, type Tickets } from './pages.ts';

/** Waiting calls have their own limits in the daemon; here only what never answers ends. */
export const LONGEST_CALL = 120_000;

const SIZE = { width: 440, height: 660 };
const SMALL = { width: 440, height: 460 };

interface Parts {
  readonly link: Link;
  readonly tickets: Tickets;
  /** Waits while a connection is being made; `now`: somebody pressed a button, so that it is tried at once. */
  connected(now: boolean): Promise<void>;
  /** A post has more readers. */
  extended(payload: string): void;
}

interface FromWindow {
  readonly type?: unknown;
  readonly ticket?: unknown;
  /** The tab of the editor, which the window has in its address: a worker that was started again does not know it. */
  readonly tab?: unknown;
  readonly params?: unknown;
  readonly persona?: unknown;
  readonly to?: unknown;
}

const gone = (): Failure =>
  new Failure({
    code: 'page.gone',
    message: 'This page is not open any more, or its site was switched off.',
    hint: 'Reload the page.',
    retry: 'no',
  });

const focus = (window: number): Promise<boolean> =>
  chrome.windows.update(window, { focused: true }).then(
    () => true,
    () => false,
  );

export class Writing {
  readonly #parts: Parts;
  /** Windows, and the tabs of their editors, by their tickets. */
  readonly #windows = new Map<string, { window: number; tab: number }>();
  /** Windows in which readers are added, by the tickets of their posts. */
  readonly #extending = new Map<string, number>();

  constructor(parts: Parts) {
    this.#parts = parts;
    chrome.windows.onRemoved.addListener((window) => this.#closed(window));
  }

  /** Opens a window for an editor, or brings the last one of that page to the front. Returns its ticket. */
  async open(place: Omit<Ticket, 'kind' | 'payload'>, last: unknown): Promise<string | undefined> {
    const { tickets } = this.#parts;
    const known = typeof last === 'string' ? this.#windows.get(last) : undefined;
    if (known?.tab === place.tab && (await focus(known.window))) return last as string;
    const ticket = tickets.give({ ...place, kind: 'compose', payload: '' });
    if (ticket === undefined) return undefined;
    const url = chrome.runtime.getURL(`compose.html#${ticket},${place.tab}`);
    const window = await chrome.windows.create({ url, type: 'popup', ...SIZE });
    if (window?.id !== undefined) this.#windows.set(ticket, { window: window.id, tab: place.tab });
    return ticket;
  }

  /** Opens a window in which readers are added to a post of a page, or brings it to the front. */
  async addReaders(ticket: string, tab: number): Promise<void> {
    const known = this.#extending.get(ticket);
    if (known !== undefined && (await focus(known))) return;
    const url = chrome.runtime.getURL(`readers.html#${ticket},${tab}`);
    const window = await chrome.windows.create({ url, type: 'popup', ...SMALL });
    if (window?.id !== undefined) this.#extending.set(ticket, window.id);
  }

  serve(port: chrome.runtime.Port): void {
    port.onMessage.addListener((message: FromWindow) => {
      void this.#answer(port, message).then(
        (answer) => port.postMessage({ of: message.type, ...answer }),
        (error: unknown) => port.postMessage({ of: message.type, error: failureFrom(error).toJSON() }),
      );
    });
  }

  async #answer(port: chrome.runtime.Port, message: FromWindow): Promise<object> {
    const { link, tickets, connected } = this.#parts;
    const tab = typeof message.tab === 'number' ? message.tab : undefined;
    if (message.type === 'cancel') {
      await this.#leave(port, message.ticket, tab);
      return {};
    }
    if (message.type === 'post' || message.type === 'append') {
      const post = await ticketOf(tickets, message.ticket, tab, 'post');
      if (post === undefined) throw gone();
      await connected(true);
      return message.type === 'post' ? this.#post(post) : this.#append(post, message);
    }
    const ticket = await ticketOf(tickets, message.ticket, tab, 'compose');
    if (ticket === undefined) throw gone();
    await connected(true);
    if (message.type === 'people') return this.#people(ticket, message.persona);
    if (message.type !== 'encrypt') return {};
    const { text } = await link.call('post.encrypt', message.params as Methods['post.encrypt']['params'], LONGEST_CALL);
    // To open it there first makes the site the one where it opens without a click.
    await link.call('post.decrypt', { text, offline: true, site: ticket.origin }).catch(() => undefined);
    // The page's own window comes first: some editors take text only while they have the focus.
    const page = await chrome.tabs.update(ticket.tab, { active: true }).catch(() => undefined);
    if (page !== undefined) await focus(page.windowId);
    const put = (await toContent(ticket.tab, { type: 'insert', ticket: message.ticket, text })) as
      { done?: boolean } | undefined;
    if (put?.done === true) {
      await this.#leave(port, message.ticket, tab);
      return {};
    }
    const own = port.sender?.tab?.windowId;
    if (own !== undefined) await focus(own);
    return { text };
  }

  /** An own post, as the window shows it, and who may be added. */
  async #post({ origin, payload }: Ticket): Promise<object> {
    const network = networkOf(origin);
    const { text, readers, author_name } = await this.#parts.link.call('post.decrypt', {
      text: payload,
      offline: true,
      ...(network === undefined ? {} : { network }),
    });
    const persona = author_name ?? undefined;
    return { text, readers, persona, people: await this.#contacts(persona) };
  }

  async #append({ origin, payload }: Ticket, { to, persona }: FromWindow): Promise<object> {
    const network = networkOf(origin);
    const names = Array.isArray(to) ? to.filter((name) => typeof name === 'string') : [];
    const { published } = await this.#parts.link.call(
      'post.append',
      {
        text: payload,
        to: names,
        ...(typeof persona === 'string' ? { persona } : {}),
        ...(network === undefined ? {} : { network }),
      },
      LONGEST_CALL,
    );
    this.#parts.extended(payload);
    return { published };
  }

  /** Those whose key is known. A pairing that does not show contacts has none. */
  async #contacts(persona: string | undefined): Promise<string[]> {
    const { link } = this.#parts;
    if (persona === undefined || !link.state.grants.includes('contacts.read')) return [];
    const contacts = await everything(link, 'contact.list', { persona });
    return contacts
      .filter((contact) => contact.public_key != null && contact.state !== 'blocked')
      .map((contact) => contact.name);
  }

  async #people({ origin }: Ticket, persona: unknown): Promise<object> {
    const { link } = this.#parts;
    const { grants, personas } = link.state;
    const known = grants.includes('contacts.read')
      ? (await everything(link, 'persona.list', {})).map(({ name }) => name)
      : (personas ?? []);
    const names = known.filter((one) => personas?.includes(one) ?? true);
    const wanted = typeof persona === 'string' ? persona : names[0];
    return { people: await this.#contacts(wanted), personas: names, network: networkOf(origin), site: origin };
  }

  /** Closes the window of a port; its page gets the focus back. */
  async #leave(port: chrome.runtime.Port, name: unknown, tab: number | undefined): Promise<void> {
    if (typeof name === 'string') this.#forget(name, tab);
    const own = port.sender?.tab?.id;
    if (own !== undefined) await chrome.tabs.remove(own).catch(() => undefined);
  }

  #closed(window: number): void {
    for (const [name, one] of [...this.#windows]) if (one.window === window) this.#forget(name, one.tab);
    for (const [name, one] of [...this.#extending]) if (one === window) this.#extending.delete(name);
  }

  #forget(name: string, tab: number | undefined): void {
    this.#windows.delete(name);
    if (this.#parts.tickets.take(name, tab, 'compose') !== undefined) this.#parts.tickets.drop(name);
    void toContent(tab, { type: 'cancel', ticket: name });
  }
}
