import { LIMITS, type RpcError } from '../api/generated.ts';
import { button, byId, h } from '../core/dom.ts';
import { isolated, language, words as say } from '../core/i18n.ts';
import { command, problem } from '../core/show.ts';

/** A post written here is at most as long as a message, though the daemon takes longer ones. */
const LONGEST = LIMITS.max_text;
const NETWORKS = { twitter: 'Twitter', facebook: 'Facebook', minds: 'Minds', instagram: 'Instagram' };
const [ticket = '', tab = ''] = location.hash.slice(1).split(',');
let port: chrome.runtime.Port | undefined;
const chosen = new Set<string>();
let people: string[] = [];

const errors = h('div');
const text = h('textarea', { id: 'text', rows: 5, dir: 'auto', 'aria-describedby': 'left' });
const left = h('p', { id: 'left', class: 'meta' });
const persona = h('select', { id: 'persona' });
const network = h(
  'select',
  { id: 'network' },
  ...Object.entries(NETWORKS).map(([name, words]) => h('option', { value: name }, words)),
);
const everyone = h('input', { id: 'everyone', type: 'checkbox' });
const chips = h('div', { class: 'chips' });
const search = h('input', { id: 'search', autocomplete: 'off', dir: 'auto', placeholder: say('composeAdd') });
const suggest = h('ul', { class: 'suggest', 'aria-label': say('composeAdd') });
const reveals = h('p', { class: 'note', role: 'status' }, say('composeReveals'));
const submit = h('button', { type: 'submit', class: 'main' }, say('composeInsert'));
const nobody = h('p', { class: 'meta' }, say('composeOnlyYou'));
const site = h('p', { class: 'meta' });
const readers = h('div', {}, h('label', { for: 'search' }, say('composeTo')), chips, search, suggest, nobody);

const draw = (): void => {
  nobody.hidden = chosen.size > 0;
  chips.replaceChildren(
    ...[...chosen].map((name) => {
      const chip = button(`${isolated(name)} ×`, () => {
        chosen.delete(name);
        draw();
        search.focus();
      });
      chip.setAttribute('aria-label', say('composeRemove', isolated(name)));
      return chip;
    }),
  );
  const wanted = search.value.trim().toLocaleLowerCase();
  const matching = people.filter((name) => !chosen.has(name) && name.toLocaleLowerCase().includes(wanted)).slice(0, 8);
  suggest.replaceChildren(
    ...matching.map((name) =>
      h(
        'li',
        {},
        button(
          isolated(name),
          () => {
            chosen.add(name);
            search.value = '';
            draw();
            search.focus();
          },
          'quiet',
        ),
      ),
    ),
  );
};

const count = (): void => {
  const over = LONGEST - new TextEncoder().encode(text.value).length;
  left.textContent = say('composeLeft', String(over));
  submit.disabled = over < 0 || text.value === '';
};

const send = (message: Record<string, unknown>): void => {
  // The worker may have slept while the text was written.
  if (port === undefined) {
    port = chrome.runtime.connect({ name: 'compose' });
    port.onMessage.addListener(take);
    port.onDisconnect.addListener(() => {
      port = undefined;
      count();
    });
  }
  port.postMessage({ ...message, ticket, tab: Number(tab) });
};
const cancel = (): void => send({ type: 'cancel' });

const encrypt = (event: Event): void => {
  event.preventDefault();
  submit.disabled = true;
  errors.replaceChildren();
  send({
    type: 'encrypt',
    params: {
      persona: persona.value,
      text: text.value,
      network: network.value,
      public: everyone.checked,
      to: everyone.checked ? [] : [...chosen],
    },
  });
};

const take = (message: {
  of?: string;
  error?: RpcError;
  people?: string[];
  personas?: string[];
  network?: string;
  site?: string;
  text?: string;
}): void => {
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
  people = message.people ?? [];
  site.textContent = message.site === undefined ? '' : say('composeSite', message.site);
  if (persona.options.length === 0)
    persona.replaceChildren(...(message.personas ?? []).map((name) => h('option', { value: name }, isolated(name))));
  if (message.network !== undefined) network.value = message.network;
  draw();
};

text.addEventListener('input', count);
search.addEventListener('input', draw);
search.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return;
  event.preventDefault();
  suggest.querySelector('button')?.click();
});
everyone.addEventListener('change', () => {
  readers.hidden = everyone.checked;
  reveals.textContent = say(everyone.checked ? 'composeRevealsAll' : 'composeReveals');
  submit.textContent = say(everyone.checked ? 'composeInsertAll' : 'composeInsert');
});
persona.addEventListener('change', () => {
  chosen.clear();
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
    readers,
    h(
      'div',
      { class: 'two' },
      h('div', {}, h('label', { for: 'persona' }, say('persona')), persona),
      h('div', {}, h('label', { for: 'network' }, say('composeNetwork')), network),
    ),
    reveals,
    h('div', { class: 'foot' }, submit, button(say('cancel'), cancel, 'quiet')),
  ),
);
count();
send({ type: 'people' });
text.focus();
