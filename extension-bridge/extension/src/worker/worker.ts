import type { Event, MethodName, Methods } from '../api/generated.ts';
import { Failure, failureFrom } from '../core/failure.ts';
import {
  mayCall,
  speakerOf,
  unreadKey,
  type Speaker,
  type Stage,
  type ToPage,
  type ToWorker,
} from '../core/messages.ts';
import { isTicketName, type Opened, type ToContent } from '../core/tickets.ts';
import { Cursor, type Area } from './cursor.ts';
import { Link } from './link.ts';
import { networkOf, Opener, Tickets, type Ticket } from './pages.ts';
import { realTimers } from './rpc.ts';
import { inject, isOn, register } from './sites.ts';
import { indexedKeys } from './store.ts';

/** Set by the build. */
declare const FIREFOX: boolean;

const HOST = 'app.bauta.bridge';
const UNREAD = 'unread';
const WAKE = 'wake';
const BASE = chrome.runtime.getURL('');
/** Waiting calls have their own limits in the daemon; here only what never answers ends. */
const LONGEST_CALL = 120_000;

const local = chrome.storage.local as Area;
const session = chrome.storage.session as Area;
const cursor = new Cursor(session, local);
const pages = new Set<chrome.runtime.Port>();
const tickets = new Tickets();

const link = new Link({
  open: (handlers) => {
    const port = chrome.runtime.connectNative(HOST);
    port.onMessage.addListener((frame: unknown) => handlers.frame(frame));
    port.onDisconnect.addListener((gone) => {
      const reason =
        chrome.runtime.lastError?.message ?? (gone as { error?: { message: string } }).error?.message ?? '';
      handlers.closed(reason);
    });
    return { send: (frame) => port.postMessage(frame), close: () => port.disconnect() };
  },
  keys: indexedKeys,
  local,
  session,
  cursor,
  timers: realTimers,
  // As the host states it. Firefox draws a random origin for each profile and gives the host only the id.
  origin: FIREFOX ? `firefox-extension://${chrome.runtime.id}/` : BASE,
  client: `bauta-extension/${chrome.runtime.getManifest().version}`,
  now: Date.now,
});

/** A page may be faster than the connection, at the browser's start or after the worker has slept. */
const CONNECTING_TIME = 10_000;
/** Without a connection; the next try may be a minute away. */
const APART = new Set(['missing', 'forbidden', 'stopped', 'locked', 'version']);
const waiting = new Set<() => void>();

/** Waits while a connection is being made. `now`: somebody pressed a button, so that it is tried at once. */
const connected = (now: boolean): Promise<void> =>
  new Promise((resolve) => {
    const apart = now && APART.has(link.state.stage);
    if (link.state.stage !== 'connecting' && !apart) {
      resolve();
      return;
    }
    const done = (): void => {
      waiting.delete(done);
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(done, CONNECTING_TIME);
    waiting.add(done);
    if (apart) link.retry();
  });

const opener = new Opener(async (params, timeout) => {
  await connected(false);
  return link.call('post.decrypt', params, timeout);
});

const tell = (port: chrome.runtime.Port, message: ToPage): void => {
  try {
    port.postMessage(message);
  } catch {
    pages.delete(port);
  }
};

const tellAll = (message: ToPage): void => {
  for (const port of [...pages]) tell(port, message);
};

const unread = async (): Promise<Record<string, number>> => {
  const kept = (await session.get([UNREAD]))[UNREAD];
  return typeof kept === 'object' && kept !== null ? { ...(kept as Record<string, number>) } : {};
};

const showUnread = async (counts: Record<string, number>): Promise<void> => {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  await chrome.action.setBadgeText({ text: total === 0 ? '' : total > 99 ? '99+' : String(total) });
  tellAll({ type: 'unread', unread: counts });
};

/** Without a native port the browser stops the worker, and its timers with it; the browser's own clock wakes it again. */
const keepLooking = (stage: Stage): void => {
  if (stage === 'stopped' || stage === 'locked') void chrome.alarms.create(WAKE, { periodInMinutes: 1 });
  else if (stage !== 'connecting') void chrome.alarms.clear(WAKE);
};

link.onState = (state) => {
  keepLooking(state.stage);
  if (state.stage !== 'connecting') for (const done of [...waiting]) done();
  tellAll({ type: 'link', state });
};
link.onAnew = () => tellAll({ type: 'anew' });
link.onEvent = async (event: Event) => {
  const counts = await unread();
  if (event.kind === 'message.received') {
    const key = unreadKey(event.message.persona, event.message.from);
    counts[key] = (counts[key] ?? 0) + 1;
    await showUnread(counts);
  }
  tellAll({ type: 'event', event });
  return { nothingUnread: Object.keys(counts).length === 0, outcome: { [UNREAD]: counts } };
};

link.onPaired = async () => {
  await session.remove([UNREAD]);
  await showUnread({});
};

const markRead = (persona: string, contact: string): Promise<void> =>
  // In one line with the events, so that no count is written over.
  link.inLine(async () => {
    const counts = await unread();
    const key = unreadKey(persona, contact);
    if (counts[key] === undefined) return;
    delete counts[key];
    await session.set({ [UNREAD]: counts });
    await showUnread(counts);
    if (Object.keys(counts).length === 0) await cursor.settle();
  });

const answer = async (
  port: chrome.runtime.Port,
  id: number,
  method: MethodName,
  params: Record<string, unknown>,
): Promise<void> => {
  try {
    if (!mayCall(method))
      throw new Failure({ code: 'access.denied', message: 'The extension does not do this.', hint: '', retry: 'no' });
    const timeout =
      typeof params['timeout_ms'] === 'number' ? Math.min(params['timeout_ms'] + 10_000, LONGEST_CALL) : undefined;
    const result = await link.call(method, params as Methods[typeof method]['params'], timeout);
    tell(port, { type: 'answer', id, result });
  } catch (error) {
    tell(port, { type: 'answer', id, error: failureFrom(error).toJSON() });
  }
};

const servePanel = (port: chrome.runtime.Port): void => {
  pages.add(port);
  link.watch(1);
  tell(port, { type: 'link', state: link.state });
  if (link.state.stage === 'ready') tell(port, { type: 'anew' });
  void unread().then((counts) => tell(port, { type: 'unread', unread: counts }));
  port.onDisconnect.addListener(() => {
    pages.delete(port);
    link.watch(-1);
  });
  port.onMessage.addListener((message: ToWorker) => {
    switch (message.type) {
      case 'call':
        void answer(port, message.id, message.method, message.params);
        break;
      case 'pair':
        void link.pair(message.label);
        break;
      case 'retry':
        link.retry();
        break;
      case 'read':
        void markRead(message.persona, message.contact);
        break;
    }
  });
};

/** Sends a message to the content script of a tab. The script is in the page itself, not in its frames. */
const toContent = async (tab: number | undefined, message: ToContent): Promise<unknown> => {
  if (tab === undefined) return undefined;
  return chrome.tabs.sendMessage(tab, message, { frameId: 0 }).catch(() => undefined);
};

/** The ticket of a frame, on a site that is on. Content scripts send this worker again the tickets of a worker before it. */
const ticketOf = async (name: unknown, tab: number | undefined, kind: Ticket['kind']): Promise<Ticket | undefined> => {
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
          const contacts = wanted === undefined ? [] : (await link.call('contact.list', { persona: wanted })).contacts;
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

const speaker = (sender: chrome.runtime.MessageSender | undefined): Speaker =>
  speakerOf(sender ?? {}, chrome.runtime.id, BASE);

chrome.runtime.onConnect.addListener((port) => {
  const who = speaker(port.sender);
  if (who.kind === 'own' && port.name === 'panel' && (who.page === 'panel.html' || who.page === 'onboarding.html'))
    servePanel(port);
  else if (who.kind === 'own' && port.name === 'post' && who.page === 'post.html') servePost(port, who.tab);
  else if (who.kind === 'own' && port.name === 'compose' && who.page === 'compose.html') serveCompose(port, who.tab);
  else port.disconnect();
});

const serveContent = async (who: Extract<Speaker, { kind: 'web' }>, message: unknown): Promise<unknown> => {
  if (typeof message !== 'object' || message === null || !(await isOn(who.origin))) return { off: true };
  const { type, payload, kind, ticket } = message as {
    type?: unknown;
    payload?: unknown;
    kind?: unknown;
    ticket?: unknown;
  };
  if (type === 'post' && typeof payload === 'string') {
    return { ticket: tickets.give({ kind: 'post', tab: who.tab, frame: who.frame, origin: who.origin, payload }) };
  }
  if (type === 'compose') {
    return {
      ticket: tickets.give({ kind: 'compose', tab: who.tab, frame: who.frame, origin: who.origin, payload: '' }),
    };
  }
  if (type === 'restore' && isTicketName(ticket) && (kind === 'post' || kind === 'compose')) {
    tickets.give(
      { kind, tab: who.tab, frame: who.frame, origin: who.origin, payload: typeof payload === 'string' ? payload : '' },
      ticket,
    );
    return {};
  }
  if (type === 'drop' && typeof ticket === 'string') tickets.drop(ticket);
  return {};
};

chrome.runtime.onMessage.addListener((message: unknown, sender, respond) => {
  const who = speaker(sender);
  if (who.kind !== 'web') return false;
  void serveContent(who, message).then(respond, () => respond({ off: true }));
  return true;
});

chrome.permissions.onAdded.addListener((added) => {
  void register().then(() => inject(added.origins ?? []));
});
chrome.permissions.onRemoved.addListener(() => {
  void register();
  // A script that is in a page learns it at once, and leaves.
  void chrome.tabs.query({}).then((tabs) => tabs.forEach(({ id }) => void toContent(id, { type: 'check' })));
});
chrome.tabs.onRemoved.addListener((tab) => tickets.dropTab(tab));

chrome.runtime.onInstalled.addListener((details) => {
  void register();
  if (details.reason === 'install') void chrome.tabs.create({ url: chrome.runtime.getURL('onboarding.html') });
});
chrome.alarms.onAlarm.addListener(() => link.retry());
chrome.runtime.onStartup.addListener(() => {
  void register();
});

link.retry();
