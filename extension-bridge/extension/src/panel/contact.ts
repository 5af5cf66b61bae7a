import { LIMITS, type Contact } from '../api/generated.ts';
import { confirmed, type Question } from '../core/confirm.ts';
import { button, h } from '../core/dom.ts';
import { isolated, words as say } from '../core/i18n.ts';
import { mark } from '../core/mark.ts';
import { when } from '../core/show.ts';
import { head } from './head.ts';
import type { Model } from './model.ts';
import { timerCard } from './timer.ts';

const who = (model: Model, contact: Contact): HTMLElement =>
  h(
    'div',
    { class: 'card' },
    h(
      'div',
      { class: 'from' },
      mark(contact.public_key ?? ''),
      contact.public_key == null ? undefined : h('code', {}, contact.public_key.slice(2, 10)),
      when(contact.added_at),
    ),
    h('p', {}, say(`contact_${contact.state}`)),
    contact.public_key == null
      ? undefined
      : h(
          'div',
          {},
          h('p', { class: contact.verified ? 'ok' : 'note' }, say(contact.verified ? 'verified' : 'notVerified')),
          button(say('verify'), () => model.go({ name: 'verify', contact: contact.name }), 'quiet'),
        ),
  );

const naming = (model: Model, contact: Contact): HTMLElement => {
  const name = h('input', {
    id: 'new-name',
    value: contact.name,
    maxlength: LIMITS.max_name,
    required: true,
    dir: 'auto',
    autocomplete: 'off',
  });
  const submit = (event: Event): void => {
    event.preventDefault();
    void model.try(async () => {
      const renamed = await model.client.call(
        'contact.rename',
        model.own({ contact: contact.name, name: name.value.trim() }),
      );
      await model.people();
      model.go({ name: 'contact', contact: renamed.name });
    });
  };
  return h(
    'form',
    { class: 'card', onsubmit: submit },
    h('label', { for: name.id }, say('nameForThem')),
    name,
    h('button', { type: 'submit' }, say('rename')),
  );
};

const attention = (model: Model, contact: Contact): HTMLElement => {
  const box = h('input', { id: 'mute', type: 'checkbox', checked: contact.muted === true });
  box.addEventListener('change', () => {
    void model.try(async () => {
      await model.client.call('contact.mute', model.own({ contact: contact.name, muted: box.checked }));
      await model.people();
    });
  });
  return h(
    'div',
    { class: 'card' },
    h('label', { class: 'inline', for: box.id }, box, h('span', {}, say('mute'))),
    h('p', { class: 'note' }, say('muteNote')),
  );
};

const ending = (model: Model, contact: Contact): HTMLElement => {
  const name = isolated(contact.name);
  /** Asks, does it, and goes where something is left to see. */
  const after = async (question: Question, step: () => Promise<unknown>, to: () => void): Promise<void> => {
    if (!(await confirmed(question))) return;
    const well = await model.try(async () => void (await step()));
    if (!well) return;
    to();
    await model.people();
  };
  const call = model.client;
  const empty = (): Promise<void> =>
    after(
      { title: say('deleteMessages', name), note: say('deleteMessagesNote', name), label: say('delete') },
      () => call.call('conversation.delete', model.own({ contact: contact.name })),
      () => model.go({ name: 'chat', contact: contact.name }),
    );
  const block = (): Promise<void> =>
    after(
      { title: say('blockContact', name), note: say('blockNote'), label: say('block') },
      () => call.call('contact.block', model.own({ contact: contact.name })),
      () => model.go({ name: 'list' }),
    );
  const remove = (): Promise<void> =>
    after(
      { title: say('deleteContact', name), note: say('deleteContactNote'), label: say('delete') },
      () => call.call('contact.delete', model.own({ contact: contact.name })),
      () => model.go({ name: 'list' }),
    );
  return h(
    'div',
    { class: 'card list-of-actions' },
    button(say('deleteAllMessages'), () => void empty(), 'quiet'),
    contact.state === 'blocked' ? undefined : button(say('block'), () => void block(), 'quiet'),
    button(say('deleteThisContact'), () => void remove(), 'quiet'),
  );
};

/** All about one contact, each matter in a card of its own. */
export const contactView = (model: Model, name: string): HTMLElement => {
  const contact = model.contacts.find((one) => one.name === name);
  const cards =
    contact === undefined
      ? []
      : [
          who(model, contact),
          ...(model.can('messages.send')
            ? [naming, attention, timerCard, ending].map((card) => card(model, contact))
            : []),
        ];
  return h(
    'section',
    {},
    head(model, name, () => model.go({ name: 'chat', contact: name })),
    ...cards,
  );
};
