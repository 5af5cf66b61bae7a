import { LIMITS, type Contact, type SafetyNumber } from '../api/generated.ts';
import { button, h } from '../core/dom.ts';
import { isolated, words as say, wordsIfAny } from '../core/i18n.ts';
import { stateIcon } from '../core/icons.ts';
import { fill, inviteForm } from '../core/invite.ts';
import { unreadKey } from '../core/messages.ts';
import { mark } from '../core/mark.ts';
import { bytesOf, qr } from '../core/qr.ts';
import { command, CONNECTING, phaseWords, problem, stateWords, when } from '../core/show.ts';
import { messageWords } from './chat.ts';
import { head } from './head.ts';
import type { Model } from './model.ts';

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
    h('span', { class: 'who', dir: 'auto' }, contact.name),
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
          : messageWords(last).slice(0, 120)
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

const requestsRow = (model: Model): HTMLElement =>
  h(
    'button',
    { type: 'button', class: 'row requests', id: 'requests', onclick: () => model.go({ name: 'requests' }) },
    h('span', { class: 'who' }, `${say('requests')} ${model.requests.length}`),
    h('span', { 'aria-hidden': 'true' }, '›'),
  );

/** Why there are no conversations; nothing while that is not known. */
const nobody = (model: Model): HTMLElement[] => {
  if (!model.can('contacts.read')) return [h('p', { class: 'note' }, say('personasHidden'))];
  if (!model.listed) return [];
  if (model.persona === undefined) return [h('p', {}, say('noPersona')), command('bauta persona new NAME')];
  return [h('p', {}, say('noContacts')), h('p', { class: 'note' }, say('inboxNote'))];
};

export const list = (model: Model): HTMLElement => {
  const activity = (contact: Contact): string =>
    model.last.get(contact.name)?.at ?? contact.last_message_at ?? contact.added_at;
  const open = model.contacts
    .filter((contact) => contact.state !== 'blocked')
    .sort((one, other) => Date.parse(activity(other)) - Date.parse(activity(one)));
  return h(
    'section',
    { class: 'list' },
    model.requests.length > 0 ? requestsRow(model) : undefined,
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

export const requests = (model: Model): HTMLElement => {
  const items = model.requests.map((request) => {
    const name = h('input', {
      id: `name-${request.id}`,
      value: request.public_key.slice(2, 10),
      maxlength: LIMITS.max_name,
      dir: 'auto',
    });
    const gone = async (step: () => Promise<unknown>): Promise<void> => {
      await model.try(async () => void (await step()));
      await model.people();
    };
    const { persona, id } = request;
    const accept = button(
      say('accept'),
      () => void gone(() => model.client.call('contact.accept', { persona, id, name: name.value.trim() })),
      'main',
    );
    const block = button(
      say('block'),
      () => void gone(() => model.client.call('contact.block', { persona, contact: id })),
      'quiet',
    );
    accept.id = `accept-${id}`;
    block.id = `block-${id}`;
    return h(
      'li',
      { class: 'card' },
      h(
        'div',
        { class: 'from' },
        mark(request.public_key),
        h('code', {}, request.public_key.slice(2, 10)),
        when(request.received_at),
      ),
      request.text === ''
        ? h('p', { class: 'note' }, say('noWords'))
        : h('p', { dir: 'auto', class: 'text' }, request.text),
      h('label', { for: name.id }, say('nameForThem')),
      name,
      h('div', { class: 'actions' }, accept, block),
    );
  });
  return h(
    'section',
    {},
    head(model, say('requests')),
    h('p', { class: 'note' }, say('requestsNote')),
    h('ul', { class: 'cards' }, ...items),
    h('p', { class: 'meta' }, say('requestsAfter')),
  );
};

export const invite = (model: Model): HTMLElement =>
  h('section', {}, head(model, say('inviteSomeone')), inviteForm(model.client, model.persona));

export const add = (model: Model): HTMLElement => {
  const address = h('textarea', {
    id: 'add-address',
    rows: 3,
    spellcheck: 'false',
    required: true,
    class: 'code-text',
    dir: 'ltr',
  });
  const name = h('input', {
    id: 'add-name',
    maxlength: LIMITS.max_name,
    required: true,
    dir: 'auto',
    autocomplete: 'off',
  });
  const place = h('div', { 'aria-live': 'polite' });
  const submit = (event: Event): void => {
    event.preventDefault();
    fill(place, async () => {
      const { persona } = model;
      const contact = await model.client.call('contact.add', {
        ...(persona === undefined ? {} : { persona }),
        address: address.value.trim(),
        name: name.value.trim(),
      });
      await model.people();
      model.go({ name: 'chat', contact: contact.name });
      return h('p', {}, contact.name);
    });
  };
  return h(
    'section',
    {},
    head(model, say('addByAddress')),
    h(
      'form',
      { onsubmit: submit },
      h('label', { for: address.id }, say('address')),
      address,
      h('label', { for: name.id }, say('nameForThem')),
      name,
      h('p', { class: 'note' }, say('addNote')),
      h('button', { type: 'submit', class: 'main' }, say('add')),
    ),
    place,
  );
};

const safety = (model: Model, contact: string, number: SafetyNumber, place: HTMLElement): HTMLElement => {
  const set = (to: boolean): void =>
    fill(place, async () => {
      const { persona } = model;
      const after = await model.client.call('contact.verify', {
        ...(persona === undefined ? {} : { persona }),
        contact,
        mark: to,
      });
      await model.people();
      return safety(model, contact, after, place);
    });
  return h(
    'div',
    { class: 'made' },
    qr(bytesOf(number.qr), say('safetyQr')),
    h('p', { class: 'digits' }, ...number.digits.split(' ').map((group) => h('span', {}, `${group} `))),
    h('p', { class: 'note' }, say('safetyNote')),
    h('p', { class: number.verified ? 'ok' : 'note' }, say(number.verified ? 'verified' : 'notVerified')),
    number.verified
      ? button(say('unmark'), () => set(false), 'quiet')
      : button(say('markEqual'), () => set(true), 'main'),
  );
};

export const verify = (model: Model, contact: string): HTMLElement => {
  const place = h('div', { 'aria-live': 'polite' });
  fill(place, async () => {
    const { persona } = model;
    const number = await model.client.call('contact.verify', {
      ...(persona === undefined ? {} : { persona }),
      contact,
    });
    return safety(model, contact, number, place);
  });
  return h(
    'section',
    {},
    head(model, say('safetyNumberOf', isolated(contact)), () => model.go({ name: 'chat', contact })),
    place,
  );
};

/** The phases of connecting, with the one that holds now. */
const phases = (now: string): HTMLElement =>
  h(
    'ol',
    { class: 'phases' },
    ...[...CONNECTING.keys()].map((phase) =>
      h('li', phase === now ? { 'aria-current': 'step' } : {}, phaseWords(phase)),
    ),
  );

export const standing = (model: Model): HTMLElement => {
  const { status } = model;
  if (status === undefined) return h('section', {}, head(model, say('connection')));
  const { state, phase } = status;
  const traffic = wordsIfAny(`traffic_${status.traffic}`) || `${status.traffic}: ${status.traffic_note ?? ''}`;
  const facts: Array<[string, string | HTMLElement]> = [
    [say('state'), stateWords(state, phase)],
    ...(state === 'degraded' && phase ? [[say('phase'), phaseWords(phase)] as [string, string]] : []),
    ...(state === 'connecting' && phase && CONNECTING.has(phase)
      ? [[say('phases'), phases(phase)] as [string, HTMLElement]]
      : []),
    [say('since'), when(status.since)],
    [say('lastExchange'), status.last_exchange ? when(status.last_exchange) : say('never')],
    [say('queued'), String(status.queued)],
    [say('traffic'), traffic],
    [say('network'), wordsIfAny(`network_${status.network}`) || status.network],
    [say('version'), status.version],
  ];
  const shown = status.personas.filter((one) => model.client.state.personas?.includes(one.name) ?? true);
  return h(
    'section',
    {},
    head(model, say('connection')),
    ...status.health.map((item) => problem(item)),
    h('dl', {}, ...facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])),
    shown.length === 0 ? undefined : h('h3', {}, say('persona')),
    h(
      'ul',
      { class: 'plain' },
      ...shown.map((one) =>
        h(
          'li',
          {},
          mark(model.personas.find((known) => known.name === one.name)?.public_key ?? ''),
          h('bdi', {}, one.name),
          h('span', { class: 'meta' }, stateWords(one.state, one.phase)),
        ),
      ),
    ),
    shown.length === 0 ? undefined : h('p', { class: 'note' }, say('inboxNote')),
  );
};
