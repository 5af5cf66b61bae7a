import { confirmed } from '../core/confirm.ts';
import { h } from '../core/dom.ts';
import { failureFrom } from '../core/failure.ts';
import { counted, words as say } from '../core/i18n.ts';
import { problem } from '../core/show.ts';
import type { Model } from './model.ts';

/** Days to choose from; 0: for ever. */
const CHOICES = [0, 365, 90, 30, 7, 1] as const;

/** What may be chosen; the value that holds is among it. */
export const choices = (now: number): number[] => {
  const all: number[] = [...CHOICES];
  if (!all.includes(now)) all.push(now);
  return all.sort((one, other) => (other || Infinity) - (one || Infinity));
};

const daysWords = (days: number): string => (days === 0 ? say('keepForever') : counted('keepDays', days));

/** How long messages are kept on this machine. Of the whole home, so a pairing that is limited to personas has it not. */
export const retentionCard = (model: Model): HTMLElement => {
  const place = h('div', { class: 'card' }, h('h3', {}, say('retention')));
  const show = async (): Promise<void> => {
    const { days } = await model.client.call('message.keep', {});
    const now = days ?? 0;
    const list = h(
      'select',
      { id: 'keep' },
      ...choices(now).map((one) => h('option', { value: one, selected: one === now }, daysWords(one))),
    );
    const change = async (): Promise<void> => {
      const to = Number(list.value);
      const fewer = to !== 0 && (now === 0 || to < now);
      const sure =
        !fewer ||
        (await confirmed({ title: counted('keepOnly', to), note: say('retentionNote'), label: say('delete') }));
      if (sure) await model.client.call('message.keep', { days: to });
      await show();
      document.getElementById('keep')?.focus();
    };
    list.addEventListener('change', () => void change().catch(fail));
    place.replaceChildren(
      h('h3', {}, say('retention')),
      h('label', { for: list.id }, say('keepMessages')),
      list,
      h('p', { class: 'note' }, say('retentionNote')),
    );
  };
  const fail = (error: unknown): void =>
    place.append(problem(failureFrom(error).toJSON(), () => void show().catch(fail)));
  void show().catch(fail);
  return place;
};
