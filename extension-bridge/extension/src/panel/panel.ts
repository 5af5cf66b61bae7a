import { button, byId, h } from '../core/dom.ts';
import { isolated, language, translate, words as say } from '../core/i18n.ts';
import { gear, sidePanel } from '../core/icons.ts';
import { mark } from '../core/mark.ts';
import { advice, command, grantWords, linkWords, problem, stateWords } from '../core/show.ts';
import { patternOf, siteOf } from '../worker/sites.ts';
import { Model } from './model.ts';
import * as views from './views.ts';

/** Firefox has a sidebar where Chromium has a side panel; the build says which. */
declare const FIREFOX: boolean;
declare const browser: { sidebarAction: { open(): Promise<void> } };

const model = new Model();
const popup = location.search === '?popup';
let shown = '';
let chat: { contact: string; head: HTMLElement; log: HTMLElement; composer: HTMLElement } | undefined;

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

/** After so many seconds a state that should pass says what to do. */
const LONG = 10;

/** Since when this page has looked for the daemon. */
let looking = Date.now();

/** Since when what is under way is under way; undefined when nothing is. */
const underWay = (): number | undefined => {
  const { stage } = model.client.state;
  if (stage === 'connecting') return looking;
  const { status } = model;
  if (stage !== 'ready' || status === undefined || !['connecting', 'lost', 'degraded', 'off'].includes(status.state)) return undefined;
  return Date.parse(status.since);
};

/** What to do about what takes long. */
const counsel = (): HTMLElement[] => {
  if (model.client.state.stage === 'connecting') return [h('p', { class: 'note' }, say('longLooking')), command('bauta up')];
  switch (model.status?.state) {
    case 'off':
      return [h('p', { class: 'note' }, say('longOff')), command('bauta up --relay ADDRESS')];
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
  const sentence = state.stage !== 'ready' || status === undefined ? linkWords(state) : stateWords(status.state, status.phase);
  const line = byId('status');
  line.className = dot();
  if (line.textContent !== sentence) line.textContent = sentence;
  const from = underWay();
  const passed = from === undefined ? 0 : Math.max(0, Math.round((Date.now() - from) / 1000));
  const counts = from !== undefined && status?.state !== 'off';
  byId('elapsed').textContent = counts && passed >= 1 && passed < 600 ? say('elapsed', String(passed)) : '';
  const place = byId('advice');
  // A daemon without a persona has nobody to connect: the view says what to do.
  const key = from === undefined || passed < LONG || (status?.state === 'off' && model.personas.length === 0) ? '' : sentence;
  if (place.dataset['key'] === key) return;
  place.dataset['key'] = key;
  place.replaceChildren(...(key === '' ? [] : counsel()));
};

const personaBar = (): void => {
  const place = byId('personas');
  place.hidden = model.client.state.stage !== 'ready' || model.personas.length === 0;
  const select = byId('persona') as HTMLSelectElement;
  const key = model.personas.map((one) => one.name).join('\n');
  if (select.dataset['key'] !== key) {
    select.dataset['key'] = key;
    select.replaceChildren(...model.personas.map((one) => h('option', { value: one.name }, isolated(one.name))));
  }
  if (model.persona !== undefined && select.value !== model.persona) select.value = model.persona;
  byId('mark').replaceChildren(mark(model.personas.find((one) => one.name === model.persona)?.public_key ?? ''));
};

/** Not connected or not paired: what is true, what it means, and the one thing to do. */
const apart = (): HTMLElement => {
  const { state } = model.client;
  const { stage, failure } = state;
  const title = h('h2', { id: 'title', tabindex: -1 }, linkWords(state));
  const again = (): HTMLElement => button(say('tryAgain'), () => model.client.retry(), 'main');
  const hint = failure?.hint ? advice(failure) : undefined;
  const says = (note: string, ...more: Array<HTMLElement | undefined>): HTMLElement => h('section', { class: 'empty' }, title, h('p', {}, say(note)), ...more);
  switch (stage) {
    case 'unpaired':
    case 'pairing':
    case 'refused':
    case 'expired':
    case 'revoked':
      return says('unpairedNote', h('p', { class: 'note' }, say('pairNote')), button(say('openPairing'), () => void chrome.tabs.create({ url: chrome.runtime.getURL('onboarding.html') }), 'main'));
    case 'connecting':
    case 'ready':
      return h('section', { class: 'empty' }, title);
    case 'missing':
      return says('missingNote', command('bauta browser install'), again());
    case 'forbidden':
      return says('forbiddenNote', hint ?? command('bauta browser install'), again());
    case 'version':
      return says('versionNote', command('bauta down'), command('bauta up'), again());
    case 'locked':
      return says('lockedNote', hint, again());
    case 'stopped':
      return says('stoppedNote', hint ?? command('bauta up'), again());
  }
};

const siteBox = (): HTMLElement => {
  const place = h('div', { class: 'card' }, h('h3', {}, say('thisSite')));
  void (async () => {
    const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
    const site = siteOf(tab?.url);
    if (site === undefined) {
      place.append(h('p', { class: 'note' }, say('siteUnknown')));
      return;
    }
    const { hostname } = new URL(site);
    const origins = [patternOf(site)];
    if (await chrome.permissions.contains({ origins })) {
      place.append(h('p', {}, say('siteOn', hostname)), button(say('siteSwitchOff'), () => void chrome.permissions.remove({ origins }).then(redraw), 'quiet'));
    } else {
      place.append(h('p', {}, say('siteOff', hostname)), h('p', { class: 'note' }, say('siteNote')), button(say('siteSwitchOn'), () => void chrome.permissions.request({ origins }).then(redraw), 'main'));
    }
  })();
  return place;
};

const settings = (): HTMLElement => {
  const { state } = model.client;
  const on = h('ul', { class: 'plain' });
  void chrome.permissions.getAll().then(({ origins = [] }) =>
    on.replaceChildren(
      ...(origins.length === 0 ? [h('li', { class: 'note' }, say('noSites'))] : []),
      ...origins.map((origin) => h('li', {}, h('span', {}, origin.replace(/\/\*$/, '')), button(say('siteSwitchOff'), () => void chrome.permissions.remove({ origins: [origin] }).then(redraw), 'quiet'))),
    ),
  );
  return h(
    'section',
    {},
    h('div', { class: 'head' }, button(`‹ ${say('back')}`, () => model.go({ name: 'list' }), 'quiet'), h('h2', { id: 'title', tabindex: -1 }, say('settings'))),
    siteBox(),
    h('div', { class: 'card' }, h('h3', {}, say('sitesOn')), on),
    h('div', { class: 'card' }, h('h3', {}, say('pairing')), h('p', {}, linkWords(state)), state.grants.length === 0 ? undefined : h('div', {}, h('h4', {}, say('grants')), grantWords(state.grants)), button(say('openPairing'), () => void chrome.tabs.create({ url: chrome.runtime.getURL('onboarding.html') }), 'quiet')),
  );
};

const redraw = (): void => {
  shown = '';
  draw();
};

const drawChat = (contact: string): void => {
  const place = byId('view');
  if (chat?.contact !== contact || !place.contains(chat.composer)) {
    chat = { contact, head: views.chatHead(model, contact), log: views.log(model), composer: views.composer(model, contact) };
    place.replaceChildren(chat.head, chat.log, ...(model.can('messages.send') ? [chat.composer] : []));
    place.querySelector<HTMLElement>('#text')?.focus();
    chat.log.scrollTop = chat.log.scrollHeight;
    return;
  }
  const { scrollTop, scrollHeight, clientHeight } = chat.log;
  const atEnd = scrollHeight - scrollTop - clientHeight < 40;
  const focused = document.activeElement === chat.log;
  const next = views.log(model);
  chat.log.replaceWith(next);
  chat.log = next;
  next.scrollTop = atEnd ? next.scrollHeight : scrollTop + (next.scrollHeight - scrollHeight);
  if (focused) next.focus();
  const nextHead = views.chatHead(model, contact);
  if (nextHead.textContent !== chat.head.textContent) {
    chat.head.replaceWith(nextHead);
    chat.head = nextHead;
  }
};

const draw = (): void => {
  statusLine();
  personaBar();
  const errors = byId('error');
  const error = model.client.state.stage === 'ready' ? model.error : undefined;
  const errorKey = error === undefined ? '' : JSON.stringify(error);
  if (errors.dataset['key'] !== errorKey) {
    errors.dataset['key'] = errorKey;
    errors.replaceChildren(...(error === undefined ? [] : [problem(error, () => void model.load())]));
  }
  const { view } = model;
  const { state, unread } = model.client;
  const ready = state.stage === 'ready';
  // A view is made anew only when what it shows has changed, so that nothing typed in it is lost.
  const data: unknown =
    !ready && view.name !== 'settings'
      ? state
      : view.name === 'list'
        ? [model.persona, model.contacts, model.requests.length, [...model.last], unread, state.grants]
        : view.name === 'chat'
          ? [model.history, model.earlier, model.read, model.contacts.find((one) => one.name === view.contact)]
          : view.name === 'requests'
            ? model.requests
            : view.name === 'status'
              ? model.status
              : [];
  const key = JSON.stringify([ready, view, data]);
  if (key === shown) return;
  const sameView = shown !== '' && JSON.stringify((JSON.parse(shown) as unknown[])[1]) === JSON.stringify(view);
  shown = key;
  const focused = document.activeElement?.id ?? '';
  const place = byId('view');
  if (!ready && view.name !== 'settings') place.replaceChildren(apart());
  else if (view.name === 'list') place.replaceChildren(views.list(model));
  else if (view.name === 'chat') drawChat(view.contact);
  else if (view.name === 'requests') place.replaceChildren(views.requests(model));
  else if (view.name === 'invite') place.replaceChildren(views.invite(model));
  else if (view.name === 'add') place.replaceChildren(views.add(model));
  else if (view.name === 'verify') place.replaceChildren(views.verify(model, view.contact));
  else if (view.name === 'status') place.replaceChildren(views.standing(model));
  else place.replaceChildren(settings());
  if (view.name === 'chat') return;
  // Focus stays where it was, or goes to the title of what was opened.
  if (sameView) document.getElementById(focused)?.focus();
  else document.getElementById('title')?.focus();
};

document.documentElement.lang = language();
document.title = 'Bauta';
document.body.classList.toggle('popup', popup);
translate(document);
byId('status').addEventListener('click', () => model.go({ name: 'status' }));
byId('settings').append(gear());
byId('settings').addEventListener('click', () => model.go({ name: 'settings' }));
byId('persona').addEventListener('change', (event) => model.choose((event.target as HTMLSelectElement).value));
const aside = byId('aside');
aside.hidden = !popup;
aside.append(sidePanel());
aside.addEventListener('click', () => {
  if (FIREFOX) void browser.sidebarAction.open().then(() => window.close());
  else void chrome.windows.getCurrent().then((current) => (current.id === undefined ? undefined : chrome.sidePanel.open({ windowId: current.id }))).then(() => window.close());
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && model.view.name !== 'list' && !popup) model.go({ name: 'list' });
});
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && model.view.name === 'chat' && model.persona !== undefined) model.client.read(model.persona, model.view.contact);
});
model.onChange = draw;
setInterval(statusLine, 1000);
model.start();
