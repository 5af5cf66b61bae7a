import { button, byId, h } from '../core/dom.ts';
import { counted, isolated, language, words as say } from '../core/i18n.ts';
import { problem } from '../core/show.ts';
import { readersWords } from './author.ts';
import { People } from './people.ts';
import { toWorker, type ToWindow } from './window.ts';

/** Characters of the post that remind of which one it is. */
const PREVIEW = 300;

let persona: string | undefined;

const errors = h('div');
const quoted = h('blockquote', { dir: 'auto' });
const now = h('p', { class: 'meta', role: 'status' });
const submit = h('button', { type: 'submit', class: 'main', disabled: true }, say('addReaders'));
const reveals = h('p', { class: 'note' }, say('readersReveal'));

const people = new People(say('composeTo'), () => {
  const { size } = people.chosen;
  submit.disabled = size === 0;
  submit.textContent = size === 0 ? say('addReaders') : counted('addSome', size);
});

const take = (message: ToWindow): void => {
  if (message.error !== undefined) {
    errors.replaceChildren(problem(message.error, undefined, say('means_unchanged')));
    people.draw();
    return;
  }
  if (message.of === 'post') {
    quoted.textContent = (message.text ?? '').slice(0, PREVIEW);
    now.textContent = readersWords({ public: false, readers: message.readers });
    ({ persona } = message);
    people.offer(message.people ?? []);
    people.search.focus();
  } else if (message.of === 'append') {
    const names = [...people.chosen].map(isolated).join(', ');
    people.clear();
    errors.replaceChildren(
      h(
        'p',
        { class: 'ok', role: 'status' },
        say(message.published === true ? 'readersAdded' : 'readersQueued', names),
      ),
    );
    send({ type: 'post' });
  }
};
const send = toWorker(take, () => people.draw());
const close = (): void => send({ type: 'cancel' });

const append = (event: Event): void => {
  event.preventDefault();
  if (people.chosen.size === 0) return;
  submit.disabled = true;
  errors.replaceChildren();
  send({ type: 'append', to: [...people.chosen], ...(persona === undefined ? {} : { persona }) });
};

document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') close();
});

document.documentElement.lang = language();
byId('view').replaceChildren(
  h(
    'form',
    { onsubmit: append },
    h('h1', {}, say('readersTitle')),
    quoted,
    now,
    errors,
    people.element,
    reveals,
    h('div', { class: 'foot' }, submit, button(say('close'), close, 'quiet')),
  ),
);
send({ type: 'post' });
