import { button, byId, h } from '../core/dom.ts';
import { isolated, language, words as say } from '../core/i18n.ts';
import { mark } from '../core/mark.ts';
import { errorWords, problem } from '../core/show.ts';
import { isTicketName, type Opened } from '../core/tickets.ts';

const [ticket = '', size = '', shade = ''] = location.hash.slice(1).split(',');
const view = byId('view');
let port: chrome.runtime.Port | undefined;
let clock: ReturnType<typeof setInterval> | undefined;
let done = false;
/** The height that was last reported to the page. */
let told = -1;

const ask = (type: 'open' | 'ask'): void => {
  connect().postMessage({ type, ticket });
};

const line = (...children: Array<Node | string>): HTMLElement => h('div', { class: 'by meta' }, mark(''), ...children);

const draw = (opened: Opened): void => {
  clearInterval(clock);
  switch (opened.state) {
    case 'waiting':
      view.replaceChildren(line(h('span', {}, say('post_waiting'))));
      break;
    case 'looking': {
      // Readers hear the line, not every second of it.
      const seconds = h('span', { 'aria-hidden': 'true' });
      const long = h('span', { role: 'status' });
      const from = Date.now();
      clock = setInterval(() => {
        const passed = Math.round((Date.now() - from) / 1000);
        if (passed >= 10 && long.textContent === '') long.textContent = say('post_long');
        if (passed >= 3) seconds.textContent = say('post_seconds', String(passed));
      }, 1000);
      view.replaceChildren(line(h('span', { role: 'status' }, say('post_looking')), seconds, long));
      break;
    }
    case 'ask':
      view.replaceChildren(
        line(
          h('span', {}, say('post_ask')),
          button(say('post_fetch'), () => ask('ask'), 'quiet'),
        ),
      );
      break;
    case 'held':
      view.replaceChildren(
        line(
          h('span', {}, say('post_waiting')),
          button(say('tryAgain'), () => ask('ask'), 'quiet'),
        ),
      );
      break;
    case 'gone':
      if (!done) view.replaceChildren(line(h('span', {}, say('post_gone'))));
      break;
    case 'open': {
      done = true;
      performance.mark('opened');
      const { post } = opened;
      told = -1;
      const by = post.author_name ?? post.author?.replace(/^person:/, '');
      view.replaceChildren(
        ...(post.warning ? [problem(post.warning)] : []),
        h('p', { class: 'opened', dir: 'auto' }, post.text),
        h(
          'div',
          { class: 'by meta' },
          mark(post.author_key ?? ''),
          h(
            'span',
            {},
            [
              say(post.public === true ? 'post_public' : 'post_private'),
              ...(by === undefined ? [] : [say('post_by', isolated(by))]),
            ].join(' · '),
          ),
        ),
      );
      break;
    }
    case 'failed':
      view.replaceChildren(
        opened.error.code === 'post.not_shared'
          ? line(
              h('span', {}, errorWords(opened.error)),
              button(say('tryAgain'), () => ask('ask'), 'quiet'),
            )
          : problem({ ...opened.error, retry: 'now' }, () => ask('ask'), say('means_closed')),
      );
      break;
  }
  tellHeight();
};

const connect = (): chrome.runtime.Port => {
  if (port !== undefined) return port;
  const made = chrome.runtime.connect({ name: 'post' });
  port = made;
  made.onMessage.addListener(draw);
  made.onDisconnect.addListener(() => {
    port = undefined;
    if (!done) draw({ state: 'held' });
  });
  return made;
};

document.documentElement.lang = language();
if (shade === 'dark' || shade === 'light') document.documentElement.style.colorScheme = shade;
const pixels = Number(size);
if (pixels >= 10 && pixels <= 40) document.documentElement.style.setProperty('--page-size', `${pixels}px`);
const tellHeight = (): void => {
  const height = Math.ceil(document.body.getBoundingClientRect().height);
  if (height === told) return;
  told = height;
  connect().postMessage({ type: 'height', ticket, height, open: done });
};
const sizes = new ResizeObserver(tellHeight);
// A frame that the page made has no ticket, and stays empty.
if (isTicketName(ticket)) {
  ask('open');
  sizes.observe(document.body);
}
