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
import { isTicketName } from '../core/tickets.ts';
import { Cursor, type Area } from './cursor.ts';
import { postServer, toContent } from './frames.ts';
import { Link } from './link.ts';
import { Opener, Tickets } from './pages.ts';
import { realTimers } from './rpc.ts';
import { inject, isOn, register } from './sites.ts';
import { indexedKeys } from './store.ts';
import { LONGEST_CALL, Writing } from './writing.ts';

/** Set by the build. */
declare const FIREFOX: boolean;

const HOST = 'app.bauta.bridge';
const UNREAD = 'unread';
const WAKE = 'wake';
const BASE = chrome.runtime.getURL('');

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

const opener = new Opener({
  check: async (params) => {
    await connected(false);
    return link.call('post.check', params);
  },
  decrypt: async (params, timeout) => {
    await connected(false);
    return link.call('post.decrypt', params, timeout);
  },
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
link.onReload = () => tellAll({ type: 'reload' });
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
  if (link.state.stage === 'ready') tell(port, { type: 'reload' });
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

const servePost = postServer({ tickets, opener, connected });
const writing = new Writing({ link, tickets, connected });

const speaker = (sender: chrome.runtime.MessageSender | undefined): Speaker =>
  speakerOf(sender ?? {}, chrome.runtime.id, BASE);

chrome.runtime.onConnect.addListener((port) => {
  const who = speaker(port.sender);
  if (who.kind === 'own' && port.name === 'panel' && (who.page === 'panel.html' || who.page === 'onboarding.html'))
    servePanel(port);
  else if (who.kind === 'own' && port.name === 'post' && who.page === 'post.html') servePost(port, who.tab);
  else if (who.kind === 'own' && port.name === 'compose' && who.page === 'compose.html') writing.serve(port);
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
    return { ticket: await writing.open({ tab: who.tab, frame: who.frame, origin: who.origin }, ticket) };
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
