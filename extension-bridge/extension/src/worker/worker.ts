import type { Event, MethodName, Methods } from '../api/generated.ts';
import { Cursor, type Area } from '../core/cursor.ts';
import { Failure, failureFrom } from '../core/failure.ts';
import { mayCall, speakerOf, unreadKey, type Speaker, type ToPage, type ToWorker } from '../core/messages.ts';
import { realTimers } from '../core/rpc.ts';
import { indexedKeys } from '../core/store.ts';
import { Link } from './link.ts';
import { Opener, Tickets, networkOf, type Opened } from './pages.ts';
import { inject, isOn, register } from './sites.ts';

/** Set by the build. */
declare const FIREFOX: boolean;

const HOST = 'app.bauta.bridge';
const UNREAD = 'unread';
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
      const reason = chrome.runtime.lastError?.message ?? (gone as { error?: { message: string } }).error?.message ?? '';
      handlers.closed(reason);
    });
    return { send: (frame) => port.postMessage(frame), close: () => port.disconnect() };
  },
  keys: indexedKeys,
  local,
  session,
  cursor,
  timers: realTimers,
  // As the host states it. Firefox draws its own origins anew for each profile and tells the host only the id.
  origin: FIREFOX ? `firefox-extension://${chrome.runtime.id}/` : BASE,
  client: `bauta-extension/${chrome.runtime.getManifest().version}`,
  now: Date.now,
});

const opener = new Opener((params, timeout) => link.call('post.decrypt', params, timeout));

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

const keepUnread = async (counts: Record<string, number>): Promise<void> => {
  await session.set({ [UNREAD]: counts });
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  await chrome.action.setBadgeText({ text: total === 0 ? '' : total > 99 ? '99+' : String(total) });
  tellAll({ type: 'unread', unread: counts });
};

link.onState = (state) => tellAll({ type: 'link', state });
link.onAnew = () => tellAll({ type: 'anew' });
link.onEvent = async (event: Event) => {
  const counts = await unread();
  if (event.kind === 'message.received') {
    const key = unreadKey(event.message.persona, event.message.from);
    counts[key] = (counts[key] ?? 0) + 1;
    await keepUnread(counts);
  }
  tellAll({ type: 'event', event });
  return Object.keys(counts).length === 0;
};

const markRead = async (persona: string, contact: string): Promise<void> => {
  // In one line with the events, so that no count is written over.
  await link.settled();
  const counts = await unread();
  const key = unreadKey(persona, contact);
  if (counts[key] === undefined) return;
  delete counts[key];
  await keepUnread(counts);
  if (Object.keys(counts).length === 0) await cursor.settle();
};

const answer = async (port: chrome.runtime.Port, id: number, method: MethodName, params: Record<string, unknown>): Promise<void> => {
  try {
    if (!mayCall(method)) throw new Failure({ code: 'access.denied', message: 'The extension does not do this.', hint: '', retry: 'no' });
    const timeout = typeof params['timeout_ms'] === 'number' ? Math.min(params['timeout_ms'] + 10_000, LONGEST_CALL) : undefined;
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

/** A frame of ours inside a page: shows one post. The page's own script cannot reach it. */
const servePost = (port: chrome.runtime.Port, tab: number | undefined): void => {
  let cancel = (): void => {};
  let ticketName: string | undefined;
  port.onDisconnect.addListener(() => {
    cancel();
    if (ticketName !== undefined) tickets.drop(ticketName);
  });
  port.onMessage.addListener((message: { type?: unknown; ticket?: unknown; height?: unknown }) => {
    const ticket = tickets.take(message.ticket, tab, 'post');
    if (ticket === undefined) {
      // The worker was started anew and knows no tickets; or the frame is not one that we put up.
      port.postMessage({ state: 'gone' } satisfies Opened);
      return;
    }
    ticketName = message.ticket as string;
    if (message.type === 'open' || message.type === 'ask') {
      cancel();
      cancel = opener.open(ticket, message.type === 'ask', (opened) => {
        try {
          port.postMessage(opened);
        } catch {
          cancel();
        }
      });
    } else if (message.type === 'height' && typeof message.height === 'number') {
      void chrome.tabs
        .sendMessage(ticket.tab, { type: 'height', ticket: ticketName, height: Math.min(Math.max(message.height, 0), 20_000) }, { frameId: ticket.frame })
        .catch(() => undefined);
    }
  });
};

/** A frame of ours inside a page: the overlay that a post is written in. */
const serveCompose = (port: chrome.runtime.Port, tab: number | undefined): void => {
  port.onMessage.addListener((message: { type?: unknown; ticket?: unknown; params?: unknown; persona?: unknown }) => {
    const ticket = tickets.take(message.ticket, tab, 'compose');
    if (ticket === undefined) return;
    const name = message.ticket as string;
    const toContent = (what: Record<string, unknown>): Promise<unknown> =>
      chrome.tabs.sendMessage(ticket.tab, { ...what, ticket: name }, { frameId: ticket.frame }).catch(() => undefined);
    const work = async (): Promise<unknown> => {
      switch (message.type) {
        case 'people': {
          const { personas } = await link.call('persona.list', {});
          const names = personas.map((persona) => persona.name).filter((one) => link.state.personas?.includes(one) ?? true);
          const wanted = typeof message.persona === 'string' ? message.persona : names[0];
          const contacts = wanted === undefined ? [] : (await link.call('contact.list', { persona: wanted })).contacts;
          return { people: contacts.filter((contact) => contact.public_key != null && contact.state !== 'blocked').map((contact) => contact.name), personas: names, network: networkOf(ticket.origin) };
        }
        case 'encrypt': {
          const made = await link.call('post.encrypt', message.params as Methods['post.encrypt']['params']);
          await toContent({ type: 'insert', text: made.text });
          tickets.drop(name);
          return { done: true };
        }
        case 'cancel':
          await toContent({ type: 'cancel' });
          tickets.drop(name);
          return { done: true };
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

const speaker = (sender: chrome.runtime.MessageSender | undefined): Speaker => speakerOf(sender ?? {}, chrome.runtime.id, BASE);

chrome.runtime.onConnect.addListener((port) => {
  const who = speaker(port.sender);
  if (who.kind === 'own' && port.name === 'panel' && (who.page === 'panel.html' || who.page === 'onboarding.html')) servePanel(port);
  else if (who.kind === 'own' && port.name === 'post' && who.page === 'post.html') servePost(port, who.tab);
  else if (who.kind === 'own' && port.name === 'compose' && who.page === 'compose.html') serveCompose(port, who.tab);
  else port.disconnect();
});

const serveContent = async (who: Extract<Speaker, { kind: 'web' }>, message: unknown): Promise<unknown> => {
  if (typeof message !== 'object' || message === null || !(await isOn(who.origin))) return { off: true };
  const { type, payload } = message as { type?: unknown; payload?: unknown };
  if (type === 'post' && typeof payload === 'string') {
    return { ticket: tickets.give({ kind: 'post', tab: who.tab, frame: who.frame, origin: who.origin, payload }) };
  }
  if (type === 'compose') {
    return { ticket: tickets.give({ kind: 'compose', tab: who.tab, frame: who.frame, origin: who.origin, payload: '' }) };
  }
  if (type === 'drop' && typeof payload === 'string') tickets.drop(payload);
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
});
chrome.tabs.onRemoved.addListener((tab) => tickets.dropTab(tab));

chrome.runtime.onInstalled.addListener((details) => {
  void register();
  if (details.reason === 'install') void chrome.tabs.create({ url: chrome.runtime.getURL('onboarding.html') });
});
chrome.runtime.onStartup.addListener(() => {
  void register();
});

link.retry();
