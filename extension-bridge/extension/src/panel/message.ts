import type { HistoryEntry } from '../api/generated.ts';
import { bodyWords } from '../core/body.ts';
import { confirmed } from '../core/confirm.ts';
import { button, h } from '../core/dom.ts';
import { isolated, words as say } from '../core/i18n.ts';
import { problem, time } from '../core/show.ts';
import type { Model } from './model.ts';

const ownWords = (entry: HistoryEntry): string =>
  entry.direction === 'in' || entry.state == null ? '' : say(`message_${entry.state}`);

const remove = async (model: Model, contact: string, entry: HistoryEntry): Promise<void> => {
  const note = entry.state === 'queued' || entry.state === 'stored' ? 'deleteOpenNote' : 'deleteMessageNote';
  const sure = await confirmed({
    title: say('deleteMessage'),
    note: say(note, isolated(contact)),
    label: say('delete'),
  });
  if (!sure) return;
  await model.deleteMessage(contact, entry.id);
  document.getElementById('log')?.focus();
};

/** What can be done with one message, below it. */
const actions = (model: Model, contact: string, entry: HistoryEntry): HTMLElement => {
  const copy = button(say('copy'), () => {
    void navigator.clipboard.writeText(bodyWords(entry)).then(() => {
      copy.textContent = say('copied');
    });
  });
  copy.id = `copy-${entry.id}`;
  const gone = button(say('delete'), () => void remove(model, contact, entry));
  gone.id = `delete-${entry.id}`;
  return h(
    'div',
    { class: 'actions', role: 'group', 'aria-label': say('messageActions') },
    'text' in entry ? copy : undefined,
    model.can('messages.send') ? gone : undefined,
  );
};

const more = (model: Model, entry: HistoryEntry): HTMLElement => {
  const isOpen = model.acting === entry.id;
  return h(
    'button',
    {
      type: 'button',
      class: 'more quiet',
      id: `more-${entry.id}`,
      tabindex: -1,
      'aria-label': say('messageMore'),
      'aria-expanded': String(isOpen),
      onclick: () => {
        model.acting = isOpen ? undefined : entry.id;
        model.onChange();
      },
    },
    '⋯',
  );
};

/** `isLast`: the last own one, under which its state is shown in words. `isFound`: a search led to it. */
export const bubble = (
  model: Model,
  contact: string,
  entry: HistoryEntry,
  { isLast, isFound }: { isLast: boolean; isFound: boolean },
): HTMLElement => {
  const own = entry.direction === 'out';
  const at = time(entry.delivered_at ?? entry.stored_at ?? entry.at);
  const below = own && (isLast || entry.state === 'failed');
  return h(
    'li',
    { class: `${own ? 'own' : 'theirs'}${isFound ? ' found' : ''}`, id: `message-${entry.id}` },
    h('p', { dir: 'auto' }, bodyWords(entry)),
    h(
      'span',
      { class: below ? 'meta below' : 'meta beside' },
      h('span', { class: below ? '' : 'hidden' }, ownWords(entry), ' '),
      at,
      more(model, entry),
    ),
    model.acting === entry.id ? actions(model, contact, entry) : undefined,
    entry.error ? problem(entry.error) : undefined,
  );
};

/**
 * One of the buttons beside messages can be reached with Tab: the one that was used last, or that of the last message.
 * From there the arrows go to the others, so that a long conversation is one stop and not hundreds.
 */
export const rove = (scroll: HTMLElement, acting: string | undefined): void => {
  const buttons = (): HTMLElement[] => [...scroll.querySelectorAll<HTMLElement>('.more')];
  const stop = (to: HTMLElement | undefined): void => {
    for (const one of buttons()) one.tabIndex = one === to ? 0 : -1;
  };
  stop(buttons().find(({ id }) => id === `more-${acting}`) ?? buttons().at(-1));
  scroll.addEventListener('keydown', (event) => {
    const all = buttons();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const step = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0;
    const next = all[at + step];
    if (at === -1 || step === 0 || next === undefined) return;
    event.preventDefault();
    stop(next);
    next.focus();
  });
};
