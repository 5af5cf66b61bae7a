import { LIMITS, type FoundMessage } from '../api/generated.ts';
import { bodyWords } from '../core/body.ts';
import { button, h } from '../core/dom.ts';
import { failureFrom } from '../core/failure.ts';
import { counted, words as say } from '../core/i18n.ts';
import { mark } from '../core/mark.ts';
import { problem, when } from '../core/show.ts';
import { snippet } from '../core/snippet.ts';
import { head } from './head.ts';
import type { Model } from './model.ts';

/** How long after the last key the search begins, in milliseconds. */
const PAUSE = 200;
const PAGE = 50;

/** What was looked for, so that it is still there for whoever comes back from a conversation. */
interface Kept {
  readonly persona: string | undefined;
  text: string;
  found: FoundMessage[];
  previous: number | undefined;
}

let kept: Kept | undefined;

/** Nothing of it stays when the daemon is locked. */
export const forgetSearch = (): void => {
  kept = undefined;
};

const row = (model: Model, message: FoundMessage, text: string): HTMLElement => {
  const { contact, id } = message;
  const key = model.contacts.find((one) => one.name === contact)?.public_key ?? '';
  return h(
    'li',
    {},
    h(
      'button',
      { type: 'button', class: 'row', onclick: () => model.go({ name: 'chat', contact, at: id }) },
      mark(key),
      h('span', { class: 'who', dir: 'auto' }, contact),
      h('span', { class: 'meta' }, when(message.at)),
      h(
        'span',
        { class: 'line', dir: 'auto' },
        message.direction === 'out' ? `${say('you')} ` : undefined,
        ...snippet(bodyWords(message), text).map((piece) => (piece.hit ? h('mark', {}, piece.text) : piece.text)),
      ),
    ),
  );
};

/** Looks through all conversations of the persona that is shown. */
export const search = (model: Model): HTMLElement => {
  if (kept?.persona !== model.persona) kept = undefined;
  const state: Kept = (kept ??= { persona: model.persona, text: '', found: [], previous: undefined });
  const field = h('input', {
    id: 'find-text',
    type: 'search',
    autocomplete: 'off',
    dir: 'auto',
    value: state.text,
    maxlength: LIMITS.max_search,
    'aria-describedby': 'found',
  });
  const count = h('p', { id: 'found', class: 'meta', role: 'status' });
  const rows = h('ul', { class: 'rows', 'aria-label': say('searchResults') });
  const more = button(say('moreResults'), () => void look(true), 'quiet');
  const errors = h('div');
  let turn = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const show = (): void => {
    const { text, found, previous } = state;
    more.hidden = previous === undefined;
    rows.replaceChildren(...found.map((message) => row(model, message, text)));
    count.textContent =
      text === ''
        ? ''
        : found.length === 0
          ? say('nothingFound')
          : previous === undefined
            ? counted('found', found.length)
            : counted('foundMore', found.length);
  };
  const look = async (further: boolean): Promise<void> => {
    const mine = ++turn;
    const text = field.value.trim();
    errors.replaceChildren();
    if (text === '') {
      Object.assign(state, { text, found: [], previous: undefined });
      show();
      return;
    }
    const params = {
      text,
      limit: PAGE,
      ...(further && state.previous !== undefined ? { before: state.previous } : {}),
    };
    try {
      const { messages, previous } = await model.client.call('message.search', model.own(params));
      if (mine !== turn) return;
      const found = further ? [...state.found, ...messages] : messages;
      Object.assign(state, { text, found, previous: previous ?? undefined });
      show();
    } catch (error) {
      if (mine !== turn) return;
      const failure = failureFrom(error).toJSON();
      Object.assign(state, { text, found: [], previous: undefined });
      show();
      // A sign alone finds nothing, which is no reason for alarm.
      if (failure.code !== 'search.text') errors.replaceChildren(problem(failure, () => void look(false)));
    }
  };
  field.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => void look(false), PAUSE);
  });
  const submit = (event: Event): void => {
    event.preventDefault();
    clearTimeout(timer);
    void look(false);
  };
  show();
  return h(
    'section',
    { class: 'search' },
    head(model, say('search')),
    h(
      'form',
      { role: 'search', onsubmit: submit },
      h('label', { for: field.id, class: 'hidden' }, say('searchFor')),
      field,
    ),
    count,
    errors,
    rows,
    more,
  );
};
