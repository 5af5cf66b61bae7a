import { LIMITS } from '../api/generated.ts';
import { button, byId, h } from '../core/dom.ts';
import { counted, isolated, language, words as say } from '../core/i18n.ts';
import { command, problem } from '../core/show.ts';
import { People } from './people.ts';
import { toWorker, type ToWindow } from './window.ts';

/** A post written here is at most as long as a message, though the daemon takes longer ones. */
const LONGEST = LIMITS.max_text;
const NETWORKS = { twitter: 'Twitter', facebook: 'Facebook', minds: 'Minds', instagram: 'Instagram' };

const errors = h('div');
const text = h('textarea', { id: 'text', rows: 5, dir: 'auto', 'aria-describedby': 'left' });
const left = h('p', { id: 'left', class: 'meta' });
const persona = h('select', { id: 'persona' });
const whose = h('div', {}, h('label', { for: 'persona' }, say('persona')), persona);
const network = h(
  'select',
  { id: 'network' },
  ...Object.entries(NETWORKS).map(([name, words]) => h('option', { value: name }, words)),
);
const everyone = h('input', { id: 'everyone', type: 'checkbox' });
const reveals = h('p', { class: 'note', role: 'status' }, say('composeReveals'));
const submit = h('button', { type: 'submit', class: 'main' }, say('composeInsert'));
const alone = h('p', { class: 'meta', role: 'status' }, say('composeOnlyYou'));
const site = h('p', { class: 'meta' });

const draw = (): void => {
  const { size } = people.chosen;
  alone.textContent = size === 0 ? say('composeOnlyYou') : counted('composeReaders', size);
};
const people = new People(say('composeTo'), () => draw());

const count = (): void => {
  const over = LONGEST - new TextEncoder().encode(text.value).length;
  left.textContent = say('composeLeft', String(over));
  submit.disabled = over < 0 || text.value === '';
};

const cancel = (): void => send({ type: 'cancel' });

const encrypt = (event: Event): void => {
  event.preventDefault();
  submit.disabled = true;
  errors.replaceChildren();
  send({
    type: 'encrypt',
    params: {
      ...(persona.value === '' ? {} : { persona: persona.value }),
      text: text.value,
      network: network.value,
      public: everyone.checked,
      to: everyone.checked ? [] : [...people.chosen],
    },
  });
};

const take = (message: ToWindow): void => {
  if (message.error !== undefined) {
    errors.replaceChildren(problem(message.error, undefined, say('means_notInserted')));
    count();
    return;
  }
  if (message.of === 'encrypt' && message.text !== undefined) {
    errors.replaceChildren(
      h('div', { class: 'problem', role: 'alert' }, h('p', {}, say('composeNoEditor')), command(message.text)),
    );
    count();
    return;
  }
  if (message.of !== 'people') return;
  site.textContent = message.site === undefined ? '' : say('composeSite', message.site);
  if (persona.options.length === 0)
    persona.replaceChildren(...(message.personas ?? []).map((name) => h('option', { value: name }, isolated(name))));
  // A pairing that does not show personas writes for the only one there is.
  whose.hidden = persona.options.length === 0;
  if (message.network !== undefined) network.value = message.network;
  people.offer(message.people ?? []);
};
const send = toWorker(take, () => count());

text.addEventListener('input', count);
everyone.addEventListener('change', () => {
  people.element.hidden = alone.hidden = everyone.checked;
  reveals.textContent = say(everyone.checked ? 'composeRevealsAll' : 'composeReveals');
  submit.textContent = say(everyone.checked ? 'composeInsertAll' : 'composeInsert');
});
persona.addEventListener('change', () => {
  people.clear();
  send({ type: 'people', persona: persona.value });
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') cancel();
});

document.documentElement.lang = language();
byId('view').replaceChildren(
  h(
    'form',
    { onsubmit: encrypt },
    h('h1', {}, say('composeTitle')),
    site,
    errors,
    h('label', { for: 'text', class: 'hidden' }, say('composeText')),
    text,
    left,
    h('label', { class: 'inline', for: 'everyone' }, everyone, h('span', {}, say('composePublic'))),
    people.element,
    alone,
    h('div', { class: 'two' }, whose, h('div', {}, h('label', { for: 'network' }, say('composeNetwork')), network)),
    reveals,
    h('div', { class: 'foot' }, submit, button(say('cancel'), cancel, 'quiet')),
  ),
);
count();
send({ type: 'people' });
text.focus();
