import type { Contact, Disappearing } from '../api/generated.ts';
import { span } from '../core/body.ts';
import { h } from '../core/dom.ts';
import { isolated, words as say } from '../core/i18n.ts';
import type { Model } from './model.ts';

/** Times to choose from, in seconds; 0: messages stay. */
const CHOICES = [0, 2_419_200, 604_800, 86_400, 28_800, 3_600, 300, 30] as const;

/** What may be chosen; what each side wants is among it, so that one can agree. */
export const timerChoices = (shown: Disappearing): number[] => {
  const all = new Set<number>([...CHOICES, shown.own ?? 0, shown.theirs ?? 0]);
  return [...all].sort((one, other) => (other || Infinity) - (one || Infinity));
};

/** How long messages stay, and who wants what where that differs. */
export const timerWords = ({ after, own, theirs, untold }: Disappearing): string => {
  const wish = (seconds: number | null | undefined): string => (seconds == null ? say('timerOff') : span(seconds));
  const sentences = [after == null ? say('messagesStay') : say('messagesDisappear', span(after))];
  if ((own ?? undefined) !== (theirs ?? undefined)) sentences.push(say('timersDiffer', wish(own), wish(theirs)));
  if (untold === true) sentences.push(say('timerUntold'));
  return sentences.join(' ');
};

/** What is missing until messages disappear; undefined where both sides want the same kind. */
export const timerMissing = ({ own, theirs }: Disappearing, name: string): string | undefined => {
  if (own != null && theirs == null) return say('timerPending', isolated(name));
  if (own == null && theirs != null) return say('timerOffered', isolated(name));
  return undefined;
};

/** How long messages with a contact should stay. */
//
// A button sets it, and not the choice alone: the arrow keys go through a list one by one, and each would be a message.
export const timerCard = (model: Model, contact: Contact): HTMLElement | undefined => {
  if (contact.state === 'blocked') return undefined;
  const shown = contact.disappearing ?? {};
  const own = shown.own ?? 0;
  const list = h(
    'select',
    { id: 'timer' },
    ...timerChoices(shown).map((one) =>
      h('option', { value: one, selected: one === own }, one === 0 ? say('timerStay') : span(one)),
    ),
  );
  const submit = (event: Event): void => {
    event.preventDefault();
    void model.try(async () => {
      await model.client.call('contact.disappear', model.own({ contact: contact.name, after: Number(list.value) }));
      await model.people();
    });
  };
  const missing = timerMissing(shown, contact.name);
  return h(
    'form',
    { class: 'card', onsubmit: submit },
    h('label', { for: list.id }, say('timerLabel')),
    list,
    h('button', { type: 'submit', id: 'set-timer' }, say('timerSet')),
    contact.disappearing
      ? h('p', { id: 'timer-state' }, timerWords(shown), missing === undefined ? '' : ` ${missing}`)
      : undefined,
    h('p', { class: 'note' }, say('timerNote')),
  );
};
