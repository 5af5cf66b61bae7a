import { byId, h } from '../core/dom.ts';
import { isolated, language, translate, words as say } from '../core/i18n.ts';
import { gear, lens, sidePanel } from '../core/icons.ts';
import { mark } from '../core/mark.ts';
import { unreadOf } from '../core/messages.ts';
import { command, linkWords, problem, stateWords } from '../core/show.ts';
import { apart } from './apart.ts';
import { blocked } from './blocked.ts';
import * as chats from './chat.ts';
import { contactView } from './contact.ts';
import { list } from './list.ts';
import { Model } from './model.ts';
import { profiles } from './profiles.ts';
import { requests } from './requests.ts';
import { forgetSearch, search } from './search.ts';
import { settings } from './settings.ts';
import * as views from './views.ts';

/** Firefox has a sidebar and Chromium a side panel; the build decides which. */
declare const FIREFOX: boolean;
declare const browser: { sidebarAction: { open(): Promise<void> } };

const model = new Model();
const popup = location.search === '?popup';
/** The view that is shown, and what it was made of. */
let shown: { name: string; key: string } | undefined;
let chat: { name: string; head: HTMLElement; log: HTMLElement; composer: HTMLElement } | undefined;

const dot = (): string => {
  const { stage } = model.client.state;
  if (stage !== 'ready') return stage === 'connecting' || stage === 'pairing' ? 'warn' : 'bad';
  switch (model.status?.state) {
    case 'ready':
      return 'ok';
    case undefined:
    case 'connecting':
    case 'degraded':
      return 'warn';
    default:
      return 'bad';
  }
};

/** After this many seconds a temporary state says what to do. */
const LONG = 10;

/** Since when this page has looked for the daemon. */
let looking = Date.now();

/** Since when what is under way is under way; undefined when nothing is. */
const underWay = (): number | undefined => {
  const { stage } = model.client.state;
  if (stage === 'connecting') return looking;
  const { status } = model;
  if (stage !== 'ready' || status === undefined || !['connecting', 'lost', 'degraded', 'off'].includes(status.state))
    return undefined;
  return Date.parse(status.since);
};

/** What to do if a state takes long. */
const counsel = (): HTMLElement[] => {
  if (model.client.state.stage === 'connecting')
    return [h('p', { class: 'note' }, say('longLooking')), command('bauta up')];
  switch (model.status?.state) {
    case 'off': {
      const elsewhere = model.status.health.find((item) => ['home.moved', 'persona.elsewhere'].includes(item.code));
      return elsewhere === undefined
        ? [h('p', { class: 'note' }, say('longOff')), command('bauta up --relay ADDRESS')]
        : [problem(elsewhere)];
    }
    case 'degraded':
      return [h('p', { class: 'note' }, say('longDegraded'))];
    default:
      return [h('p', { class: 'note' }, say('longConnecting'))];
  }
};

const statusLine = (): void => {
  const { state } = model.client;
  const { status } = model;
  if (state.stage !== 'connecting') looking = Date.now();
  const sentence =
    state.stage !== 'ready' || status === undefined ? linkWords(state) : stateWords(status.state, status.phase);
  const line = byId('status');
  line.className = dot();
  if (line.textContent !== sentence) line.textContent = sentence;
  const from = underWay();
  const passed = from === undefined ? 0 : Math.max(0, Math.round((Date.now() - from) / 1000));
  const counts = from !== undefined && status?.state !== 'off';
  byId('elapsed').textContent = counts && passed >= 1 && passed < 600 ? say('elapsed', String(passed)) : '';
  const place = byId('advice');
  // A daemon without a persona does not connect: the view says what to do.
  const key =
    from === undefined || passed < LONG || (status?.state === 'off' && model.personas.length === 0) ? '' : sentence;
  if (place.dataset['key'] === key) return;
  place.dataset['key'] = key;
  place.replaceChildren(...(key === '' ? [] : counsel()));
};

const personaBar = (): void => {
  const place = byId('personas');
  place.hidden = model.client.state.stage !== 'ready' || model.personas.length === 0;
  const select = byId('persona') as HTMLSelectElement;
  const others = model.personas.map(
    (one) => [one.name, one.name === model.persona ? 0 : unreadOf(model.client.unread, one.name)] as const,
  );
  const key = JSON.stringify(others);
  if (select.dataset['key'] !== key) {
    select.dataset['key'] = key;
    // Requests for another persona are mentioned, without their list.
    select.replaceChildren(
      ...others.map(([name, count]) => h('option', { value: name }, isolated(name), count === 0 ? '' : ` (${count})`)),
    );
  }
  if (model.persona !== undefined && select.value !== model.persona) select.value = model.persona;
  byId('find').hidden = !model.can('messages.read') || model.persona === undefined;
  byId('mark').replaceChildren(mark(model.personas.find((one) => one.name === model.persona)?.public_key ?? ''));
};

const redraw = (): void => {
  shown = undefined;
  draw();
};

/** The first message that is in sight, and where: it stays there, whatever comes before or after it. */
const topOf = (log: HTMLElement): { id: string; top: number } | undefined => {
  const { top } = log.getBoundingClientRect();
  const first = [...log.querySelectorAll('li[id]')].find((one) => one.getBoundingClientRect().bottom > top);
  return first === undefined ? undefined : { id: first.id, top: first.getBoundingClientRect().top };
};

const drawChat = (name: string, contact: string): void => {
  const place = byId('view');
  if (chat?.name !== name || !place.contains(chat.composer)) {
    chat = {
      name,
      head: chats.chatHead(model, contact),
      log: chats.log(model),
      composer: chats.composer(model, contact),
    };
    place.replaceChildren(chat.head, chat.log, ...(model.can('messages.send') ? [chat.composer] : []));
    place.querySelector<HTMLElement>('#text')?.focus();
    chat.log.scrollTop = chat.log.scrollHeight;
    return;
  }
  const { scrollTop, scrollHeight, clientHeight } = chat.log;
  const atEnd = scrollHeight - scrollTop - clientHeight < 40;
  const first = topOf(chat.log);
  const hadFound = chat.log.querySelector('.found') !== null;
  const focused = chat.log.contains(document.activeElement) ? document.activeElement?.id : undefined;
  const next = chats.log(model);
  chat.log.replaceWith(next);
  chat.log = next;
  const found = next.querySelector('.found');
  if (atEnd && found === null && !model.later) {
    next.scrollTop = next.scrollHeight;
  } else {
    next.scrollTop = scrollTop;
    const now = first === undefined ? null : document.getElementById(first.id);
    if (first !== undefined && now !== null) next.scrollTop += now.getBoundingClientRect().top - first.top;
  }
  if (found !== null && !hadFound) found.scrollIntoView({ block: 'center' });
  if (focused !== undefined) (document.getElementById(focused) ?? next).focus();
  const nextHead = chats.chatHead(model, contact);
  if (nextHead.textContent !== chat.head.textContent) {
    chat.head.replaceWith(nextHead);
    chat.head = nextHead;
  }
};

const drawError = (): void => {
  const place = byId('error');
  const error = model.client.state.stage === 'ready' ? model.error : undefined;
  const key = error === undefined ? '' : JSON.stringify(error);
  if (place.dataset['key'] === key) return;
  place.dataset['key'] = key;
  place.replaceChildren(...(error === undefined ? [] : [problem(error, () => void model.load())]));
};

/** A worker that was stopped is back before this has passed, in milliseconds; calls wait for it. Until then the view stays. */
const GRACE = 2000;

/** When a notice replaces the view because the connection is not back; undefined if there was none before. */
let graceEnds: number | undefined;

const comesBack = (): boolean => {
  const { stage } = model.client.state;
  if (stage !== 'connecting') {
    graceEnds = stage === 'ready' ? Number.POSITIVE_INFINITY : undefined;
    return false;
  }
  if (graceEnds === Number.POSITIVE_INFINITY) {
    graceEnds = Date.now() + GRACE;
    setTimeout(draw, GRACE);
  }
  return graceEnds !== undefined && Date.now() < graceEnds;
};

/** What had the focus in the view when the connection was lost. */
let left: HTMLElement | undefined;

/**
 * Shows a notice in place of the view while there is no connection; returns whether it does.
 * The view stays behind it as it is, so that nothing made or typed in it is lost.
 */
const drawApart = (): boolean => {
  const { state } = model.client;
  const needed = state.stage !== 'ready' && model.view.name !== 'settings';
  const [place, view] = [byId('apart'), byId('view')];
  const key = needed ? JSON.stringify(state) : '';
  if (place.dataset['key'] === key) return needed;
  place.dataset['key'] = key;
  const focused = document.activeElement;
  if (needed && focused instanceof HTMLElement && view.contains(focused)) left = focused;
  const follow = focused === document.body || focused === left || place.contains(focused);
  if (state.stage === 'locked') {
    // What was encrypted does not stay on the screen, nor behind it.
    view.replaceChildren();
    forgetSearch();
    shown = chat = left = undefined;
    document.querySelector('dialog')?.remove();
  }
  view.hidden = needed;
  place.hidden = !needed;
  place.replaceChildren(...(needed ? [apart(model)] : []));
  if (needed && follow) document.getElementById('title')?.focus();
  if (needed) return true;
  if (follow) left?.focus();
  left = undefined;
  return false;
};

/** The element of a rebuilt view that corresponds to one of the old view. */
const twin = (place: HTMLElement, before: HTMLElement): HTMLElement | undefined =>
  [...place.querySelectorAll<HTMLElement>('[id], button')].find((one) =>
    before.id === '' ? one.textContent === before.textContent : one.id === before.id,
  );

/** Rebuilds the same view; the focus and what was typed stay. */
const replaceSame = (place: HTMLElement, next: HTMLElement): void => {
  const focused = document.activeElement;
  const fields = place.querySelectorAll('input');
  const lists = place.querySelectorAll('select');
  place.replaceChildren(next);
  for (const field of fields) {
    const now = twin(place, field);
    if (now instanceof HTMLInputElement) now.value = field.value;
  }
  for (const list of lists) {
    // What was chosen and is not set yet.
    const chosen = [...list.selectedOptions].find((option) => !option.defaultSelected)?.value;
    const now = chosen === undefined ? undefined : twin(place, list);
    if (now instanceof HTMLSelectElement && [...now.options].some((option) => option.value === chosen))
      now.value = chosen ?? '';
  }
  if (focused instanceof HTMLElement && focused !== document.body && !focused.isConnected)
    twin(place, focused)?.focus();
};

/** What a view is made from: it is rebuilt only if that has changed. */
const dataOf = (): unknown => {
  const { view } = model;
  const { state, unread } = model.client;
  switch (view.name) {
    case 'list':
      return [
        model.persona,
        model.listed,
        model.contacts,
        model.profiles.filter((profile) => profile.other_key != null).length,
        model.requests.length,
        [...model.last],
        unread,
        state.grants,
      ];
    case 'chat':
      return [
        model.history,
        model.earlier,
        model.later,
        model.acting,
        model.read,
        state.grants,
        model.contacts.find((one) => one.name === view.contact),
      ];
    case 'contact':
      return [model.contacts.find((one) => one.name === view.contact), state.grants];
    case 'profiles':
      return [model.profiles, state.grants];
    case 'requests':
      return [model.requests, state.grants];
    case 'status':
      return model.status;
    case 'settings':
      return [state.stage, state.grants, state.pairing, model.persona !== undefined];
    default:
      return [];
  }
};

const makeView = (): HTMLElement => {
  const { view } = model;
  switch (view.name) {
    case 'requests':
      return requests(model);
    case 'search':
      return search(model);
    case 'contact':
      return contactView(model, view.contact);
    case 'profiles':
      return profiles(model);
    case 'blocked':
      return blocked(model);
    case 'invite':
      return views.invite(model);
    case 'add':
      return views.add(model);
    case 'verify':
      return views.verify(model, view.contact);
    case 'status':
      return views.standing(model);
    case 'settings':
      return settings(model, redraw);
    default:
      return list(model);
  }
};

const draw = (): void => {
  statusLine();
  if (comesBack()) return;
  personaBar();
  drawError();
  if (drawApart()) return;
  const { view } = model;
  const name = JSON.stringify([model.persona, view]);
  const key = JSON.stringify(dataOf());
  if (shown?.name === name && shown.key === key) return;
  const same = shown?.name === name;
  shown = { name, key };
  const place = byId('view');
  if (view.name === 'chat') {
    drawChat(name, view.contact);
  } else if (same) {
    replaceSame(place, makeView());
  } else {
    place.replaceChildren(makeView());
    (document.getElementById('find-text') ?? document.getElementById('title'))?.focus();
  }
};

document.documentElement.lang = language();
document.title = 'Bauta';
document.body.classList.toggle('popup', popup);
translate(document);
byId('status').addEventListener('click', () => model.go({ name: 'status' }));
byId('settings').append(gear());
byId('settings').addEventListener('click', () => model.go({ name: 'settings' }));
byId('find').append(lens());
byId('find').addEventListener('click', () => model.go({ name: 'search' }));
byId('persona').addEventListener('change', (event) => model.choose((event.target as HTMLSelectElement).value));
const aside = byId('aside');
aside.hidden = !popup;
aside.append(sidePanel());
aside.addEventListener('click', () => {
  if (FIREFOX) void browser.sidebarAction.open().then(() => window.close());
  else
    void chrome.windows
      .getCurrent()
      .then((current) => (current.id === undefined ? undefined : chrome.sidePanel.open({ windowId: current.id })))
      .then(() => window.close());
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || model.view.name === 'list' || popup) return;
  // A question is answered with no; the view stays.
  if (document.querySelector('dialog') === null) model.go({ name: 'list' });
});
document.addEventListener('visibilitychange', () => model.see());
model.onChange = draw;
setInterval(statusLine, 1000);
model.start();
