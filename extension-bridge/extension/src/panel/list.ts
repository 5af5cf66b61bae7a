import type { Contact } from '../api/generated.ts';
import { bodyWords } from '../core/body.ts';
import { button, h } from '../core/dom.ts';
import { counted, words as say } from '../core/i18n.ts';
import { quietIcon, stateIcon } from '../core/icons.ts';
import { mark } from '../core/mark.ts';
import { unreadKey } from '../core/messages.ts';
import { command, when } from '../core/show.ts';
import type { Model } from './model.ts';
import { askForMore } from './pairing.ts';

const contactRow = (model: Model, contact: Contact): HTMLElement => {
  const unread = model.client.unread[unreadKey(contact.persona, contact.name)] ?? 0;
  const last = model.last.get(contact.name);
  const state = last?.direction === 'out' ? (last.state ?? undefined) : undefined;
  const row = h(
    'button',
    {
      type: 'button',
      class: unread > 0 ? 'row unread' : 'row',
      id: `contact-${contact.name}`,
      onclick: () => model.go({ name: 'chat', contact: contact.name }),
    },
    mark(contact.public_key ?? ''),
    h(
      'span',
      { class: 'who', dir: 'auto' },
      contact.name,
      contact.muted === true ? quietIcon(say('muted')) : undefined,
    ),
    h(
      'span',
      { class: 'meta' },
      state === undefined ? undefined : stateIcon(state, say(`message_${state}`)),
      last === undefined ? undefined : when(last.at),
    ),
    h(
      'span',
      { class: 'line', dir: 'auto' },
      contact.state === 'active' || last !== undefined
        ? last === undefined
          ? ''
          : bodyWords(last).slice(0, 120)
        : say(`contact_${contact.state}`),
    ),
    unread > 0
      ? h(
          'span',
          { class: 'count' },
          h('span', { class: 'hidden' }, say('unread', String(unread))),
          h('span', { 'aria-hidden': 'true' }, String(unread)),
        )
      : undefined,
  );
  return h('li', {}, row);
};

/** A row above the conversations that asks for attention. */
const callRow = (id: string, words: string, go: () => void): HTMLElement =>
  h(
    'button',
    { type: 'button', class: 'row requests', id, onclick: go },
    h('span', { class: 'who' }, words),
    h('span', { 'aria-hidden': 'true' }, '›'),
  );

/** Why there are no conversations; nothing while that is not known. */
const nobody = (model: Model): HTMLElement[] => {
  if (!model.can('contacts.read')) return [h('p', { class: 'note' }, say('personasHidden')), askForMore()];
  if (!model.listed) return [];
  if (model.persona === undefined) return [h('p', {}, say('noPersona')), command('bauta persona new NAME')];
  return [h('p', {}, say('noContacts')), h('p', { class: 'note' }, say('inboxNote'))];
};

export const list = (model: Model): HTMLElement => {
  const activity = (contact: Contact): string =>
    model.last.get(contact.name)?.at ?? contact.last_message_at ?? contact.added_at;
  const doubts = model.profiles.filter((profile) => profile.other_key != null).length;
  const open = model.contacts
    .filter((contact) => contact.state !== 'blocked')
    .sort((one, other) => Date.parse(activity(other)) - Date.parse(activity(one)));
  return h(
    'section',
    { class: 'list' },
    model.requests.length > 0
      ? callRow('requests', `${say('requests')} ${model.requests.length}`, () => model.go({ name: 'requests' }))
      : undefined,
    doubts > 0 ? callRow('doubts', counted('profileDoubts', doubts), () => model.go({ name: 'profiles' })) : undefined,
    open.length > 0
      ? h(
          'ul',
          { class: 'rows', 'aria-label': say('conversations') },
          ...open.map((contact) => contactRow(model, contact)),
        )
      : h('div', { class: 'empty' }, ...nobody(model)),
    model.can('messages.send') && model.persona !== undefined
      ? h(
          'div',
          { class: 'foot' },
          button(`+ ${say('inviteSomeone')}`, () => model.go({ name: 'invite' }), 'main'),
          button(say('addByAddress'), () => model.go({ name: 'add' }), 'quiet'),
        )
      : undefined,
  );
};
