import type { Event, MethodName, Methods } from '../api/generated.ts';
import { Failure, failureFrom } from '../core/failure.ts';
import { mayCall, PLACE, speakerOf, type Speaker, type Stage, type ToPage, type ToWorker } from '../core/messages.ts';
import { isTicketName } from '../core/tickets.ts';
import { Cursor, type Area } from './cursor.ts';
import { PostFrames, toContent } from './frames.ts';
import { Link } from './link.ts';
import { Notices, type Place } from './notices.ts';
import { Opener, Tickets } from './pages.ts';
import { realTimers } from './rpc.ts';
import { inject, isOn, register } from './sites.ts';
import { indexedKeys } from './store.ts';
import { UnreadCounter } from './unread.ts';
import { LONGEST_CALL, Writing } from './writing.ts';

/** Set by the build. */
declare const FIREFOX: boolean;

const HOST = 'app.bauta.bridge';
const WAKE = 'wake';
const BASE = chrome.runtime.getURL('');

const local = chrome.storage.local as Area;
const session = chrome.storage.session as Area;
const cursor = new Cursor(session);
/** The open pages of the extension, and the conversations that they show. */
const pages = new Map<chrome.runtime.Port, string | undefined>();
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
    if (apart) link.retry(true);
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
  for (const port of [...pages.keys()]) tell(port, message);
};

const counter = new UnreadCounter({
  call: (method, params) => link.call(method, params),
  session: () => link.state,
  timers: realTimers,
});

/** A panel that is open, or one in a tab: without a press in the browser's own window, no side panel may be opened. */
const openPanel = async (place: Place | undefined): Promise<void> => {
  // Not in the address, which the browser keeps.
  if (place !== undefined) await session.set({ [PLACE]: place });
  const url = chrome.runtime.getURL('panel.html');
  const open = [...pages.keys()].find(({ sender }) => sender?.url === url);
  const { id, windowId } = open?.sender?.tab ?? {};
  if (open === undefined) await chrome.tabs.create({ url });
  else if (id !== undefined) await chrome.tabs.update(id, { active: true });
  const window = windowId ?? (await chrome.windows.getLastFocused()).id;
  if (window !== undefined) await chrome.windows.update(window, { focused: true });
};

const notices = new Notices({
  isSeen: (about) => [...pages.values()].includes(about),
  isLoud: async (persona, contact) => {
    await connected(false);
    return counter.isLoud(persona, contact);
  },
  open: (place) => void openPanel(place),
});

let before: readonly string[] = [];
counter.onChange = (unread, total) => {
  void chrome.action.setBadgeText({ text: total === 0 ? '' : total > 99 ? '99+' : String(total) });
  tellAll({ type: 'unread', unread });
  notices.clear(before.filter((key) => unread[key] === undefined));
  before = Object.keys(unread);
};

/** There is nobody to read for. Others come back soon, and what was unread is shown meanwhile. */
const WITHOUT = new Set<Stage>(['locked', 'unpaired', 'revoked']);

/** Without a native port the browser stops the worker, and its timers with it; the browser's own clock wakes it again. */
const keepLooking = (stage: Stage): void => {
  if (stage === 'stopped' || stage === 'locked') void chrome.alarms.create(WAKE, { periodInMinutes: 1 });
  else if (stage !== 'connecting') void chrome.alarms.clear(WAKE);
};

link.onState = (state) => {
  keepLooking(state.stage);
  if (state.stage !== 'connecting') for (const done of [...waiting]) done();
  if (WITHOUT.has(state.stage)) {
    counter.forget();
    void notices.clearAll();
  }
  if (state.stage === 'locked') frames.lock();
  tellAll({ type: 'link', state });
};
link.onReload = () => {
  counter.soon(0);
  tellAll({ type: 'reload' });
};
/** Kinds of events after which other messages may be unread, or of other conversations. */
const COUNTED = new Set<Event['kind']>(['message.received', 'contact.added', 'contact.changed', 'contact.deleted']);
link.onEvent = async (event: Event) => {
  if (COUNTED.has(event.kind)) counter.soon();
  tellAll({ type: 'event', event });
  // Not in the line of events: it may wait for a connection, which waits for the events of the one before.
  void notices.tell(event).catch(() => undefined);
};
link.onPaired = async () => counter.forget();

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
    // Without the grant for contacts no event tells of it.
    if (method === 'message.read') counter.soon();
    tell(port, { type: 'answer', id, result });
  } catch (error) {
    tell(port, { type: 'answer', id, error: failureFrom(error).toJSON() });
  }
};

const servePanel = (port: chrome.runtime.Port): void => {
  pages.set(port, undefined);
  link.watch(1);
  tell(port, { type: 'link', state: link.state });
  if (link.state.stage === 'ready') tell(port, { type: 'reload' });
  tell(port, { type: 'unread', unread: counter.unread });
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
        void link.pair(message.label, message.grants);
        break;
      case 'retry':
        link.retry(true);
        break;
      case 'sees':
        pages.set(port, message.conversation);
        break;
    }
  });
};

const frames: PostFrames = new PostFrames({
  tickets,
  opener,
  connected,
  addReaders: (ticket, { tab }) => void writing.addReaders(ticket, tab),
});
const writing = new Writing({ link, tickets, connected, extended: (payload) => frames.again(payload) });

const WRITERS = new Set(['compose.html', 'readers.html']);

const speaker = (sender: chrome.runtime.MessageSender | undefined): Speaker =>
  speakerOf(sender ?? {}, chrome.runtime.id, BASE);

chrome.runtime.onConnect.addListener((port) => {
  const who = speaker(port.sender);
  if (who.kind === 'own' && port.name === 'panel' && (who.page === 'panel.html' || who.page === 'onboarding.html'))
    servePanel(port);
  else if (who.kind === 'own' && port.name === 'post' && who.page === 'post.html') frames.serve(port, who.tab);
  else if (who.kind === 'own' && port.name === 'compose' && WRITERS.has(who.page)) writing.serve(port);
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
  notices.listen();
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
