import { byId, h } from '../core/dom.ts';
import { language, words as say } from '../core/i18n.ts';
import { mark } from '../core/mark.ts';
import { errorWords, problem } from '../core/show.ts';
import { isTicketName, type Opened, type Way } from '../core/tickets.ts';
import { authorWords, readersWords } from './author.ts';
import { Sight } from './sight.ts';

/** Set by the build: only a test that measures what a page learns without the line makes one where this is true. */
declare const UNGUARDED: boolean;

/** Characters of the text that the line has; it shows as many as fit. */
const PREVIEW = 300;

const [ticket = '', size = '', shade = '', unfolded = ''] = location.hash.slice(1).split(',');
const view = byId('view');
let port: chrome.runtime.Port | undefined;
let clock: ReturnType<typeof setInterval> | undefined;
/**
 * Whether a person pressed something here. Until then all of it is one line of a fixed height, and the page hears nothing:
 * what it can measure must not depend on who is looking.
 */
let pressed = UNGUARDED || unfolded !== '';
let last: Opened = { state: 'waiting' };
let asked: Way = 'shown';
/** What a person pressed is gone from the line: the focus goes on to what came in its place. */
let refocus = false;
/** The height that was last reported to the page. */
let told = -1;
const sight = new Sight();

const ask = (way: Way): void => {
  asked = way;
  connect().postMessage({ type: way, ticket });
};

/** A button that counts only if a person saw it. */
const press = (label: string, run: () => void): HTMLButtonElement => {
  const onclick = (event: Event): void => {
    const meant = sight.allows(event as MouseEvent);
    covered.textContent = meant ? '' : say('post_covered');
    if (!meant) return;
    pressed = refocus = true;
    run();
  };
  const made = h('button', { type: 'button', class: 'quiet', onclick }, label);
  sight.watch(made);
  return made;
};
const covered = h('span', { class: 'covered', role: 'status' });

const line = (...children: Array<Node | string | undefined>): HTMLElement =>
  h('div', { class: 'by meta' }, mark(''), ...children.filter((child) => child !== undefined), covered);
const show = (): HTMLButtonElement => press(say('post_show'), () => ask('open'));
const fetchKey = (): HTMLButtonElement => press(say('post_fetch'), () => ask('fetch'));
const unfold = (): HTMLButtonElement => press(say('post_show'), () => draw(last));

const draw = (opened: Opened): void => {
  // A text that is there stays when the worker is started again.
  if (last.state === 'open' && opened.state !== 'open' && opened.state !== 'locked') return;
  last = opened;
  clearInterval(clock);
  sight.watch(undefined);
  covered.textContent = '';
  document.body.classList.toggle('folded', !pressed);
  switch (opened.state) {
    case 'waiting':
      view.replaceChildren(line(h('span', {}, say('post_waiting'))));
      break;
    case 'looking':
      view.replaceChildren(looking());
      break;
    case 'locked':
      view.replaceChildren(line(h('span', {}, say('post_locked')), show()));
      break;
    case 'closed':
    case 'held':
      view.replaceChildren(line(h('span', {}, say('post_waiting')), show()));
      break;
    case 'ask':
      view.replaceChildren(
        line(h('span', {}, say('post_ask')), fetchKey()),
        ...(pressed ? [h('p', { class: 'reveals meta' }, say('post_reveals'))] : []),
      );
      break;
    case 'gone':
      view.replaceChildren(line(h('span', {}, say('post_gone'))));
      break;
    case 'open':
      performance.mark('opened');
      view.replaceChildren(...(pressed ? text(opened) : [preview(opened)]));
      break;
    case 'failed':
      view.replaceChildren(pressed ? failure(opened) : line(h('span', {}, errorWords(opened.error)), unfold()));
      break;
  }
  const next = view.querySelector<HTMLElement>('button, .opened');
  if (refocus && next !== null) {
    refocus = false;
    next.focus();
  }
  tellHeight();
};

const looking = (): HTMLElement => {
  // Readers hear the line, not every second of it.
  const seconds = h('span', { 'aria-hidden': 'true' });
  const long = h('span', { role: 'status' });
  const from = Date.now();
  clock = setInterval(() => {
    const passed = Math.round((Date.now() - from) / 1000);
    if (passed >= 10 && long.textContent === '') long.textContent = say('post_long');
    if (passed >= 3) seconds.textContent = say('post_seconds', String(passed));
  }, 1000);
  return line(h('span', { role: 'status' }, say('post_looking')), seconds, long);
};

/** The first words, or that somebody may be pretending to be somebody else. */
const preview = ({ post }: Extract<Opened, { state: 'open' }>): HTMLElement =>
  line(
    h('span', { class: 'preview', dir: 'auto' }, post.warning ? errorWords(post.warning) : post.text.slice(0, PREVIEW)),
    unfold(),
  );

const text = ({ post }: Extract<Opened, { state: 'open' }>): HTMLElement[] => {
  const by = authorWords(post);
  const about = [readersWords(post), ...(by === undefined ? [] : [by])];
  return [
    ...(post.warning ? [problem(post.warning)] : []),
    h('p', { class: 'opened', dir: 'auto', tabindex: -1 }, post.text),
    h(
      'div',
      { class: 'by meta' },
      mark(post.author_key ?? ''),
      h('span', {}, about.join(' · ')),
      // Whoever wrote it here may add some.
      post.readers == null ? undefined : press(say('addReaders'), () => connect().postMessage({ type: 'readers' })),
      post.readers == null ? undefined : covered,
    ),
  ];
};

const failure = ({ error }: Extract<Opened, { state: 'failed' }>): HTMLElement => {
  const again = press(say('tryAgain'), () => ask(asked === 'fetch' ? 'fetch' : 'open'));
  if (error.code === 'post.not_shared') return line(h('span', {}, errorWords(error)), again);
  const shown = problem(error, undefined, say('means_closed'));
  shown.append(again, covered);
  return shown;
};

const connect = (): chrome.runtime.Port => {
  if (port !== undefined) return port;
  const made = chrome.runtime.connect({ name: 'post' });
  port = made;
  made.onMessage.addListener(draw);
  made.onDisconnect.addListener(() => {
    port = undefined;
    draw({ state: 'held' });
  });
  return made;
};

document.documentElement.lang = language();
if (shade === 'dark' || shade === 'light') document.documentElement.style.colorScheme = shade;
const pixels = Number(size);
if (pixels >= 10 && pixels <= 40) document.documentElement.style.setProperty('--page-size', `${pixels}px`);
const tellHeight = (): void => {
  if (!pressed) return;
  const height = Math.ceil(document.body.getBoundingClientRect().height);
  if (height === told) return;
  told = height;
  connect().postMessage({ type: 'height', ticket, height, open: last.state === 'open' });
};
const sizes = new ResizeObserver(tellHeight);
// A frame that the page made has no ticket, and stays empty.
if (isTicketName(ticket)) {
  ask(UNGUARDED ? 'fetch' : pressed ? 'open' : 'shown');
  sizes.observe(document.body);
}
