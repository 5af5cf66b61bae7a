import { LIMITS, type Contact, type HistoryEntry, type Methods, type SafetyNumber } from '../api/generated.ts';
import { button, h } from '../core/dom.ts';
import { isolated, words as say, wordsIfAny } from '../core/i18n.ts';
import { stateIcon } from '../core/icons.ts';
import { failureFrom } from '../core/failure.ts';
import { fill, inviteForm } from '../core/invite.ts';
import { unreadKey } from '../core/messages.ts';
import { mark } from '../core/mark.ts';
import { bytesOf, qr } from '../core/qr.ts';
import { command, CONNECTING, day, phaseWords, problem, stateWords, time, when } from '../core/show.ts';
import type { Model } from './model.ts';

/** How long a message that broke off waits for the worker to be back, in milliseconds. */
const RECONNECTING = 10_000;

const back = (model: Model, to: () => void = () => model.go({ name: 'list' })): HTMLElement => {
  const pressed = button(`‹ ${say('back')}`, to, 'quiet');
  pressed.id = 'back';
  return pressed;
};

/** The way back, and what is shown. */
export const head = (model: Model, title: string, to?: () => void, ...more: HTMLElement[]): HTMLElement =>
  h('div', { class: 'head' }, back(model, to), h('h2', { id: 'title', tabindex: -1, dir: 'auto' }, title), ...more);

const ownWords = (entry: HistoryEntry): string =>
  entry.direction === 'in' || entry.state == null ? '' : say(`message_${entry.state}`);

/** What a message says. */
const words = (entry: HistoryEntry): string => ('text' in entry ? entry.text : say('messageUnsupported'));

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
          : words(last).slice(0, 120)
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

const bubble = (entry: HistoryEntry, isLast: boolean): HTMLElement => {
  const own = entry.direction === 'out';
  const at = time(entry.delivered_at ?? entry.stored_at ?? entry.at);
  const below = own && (isLast || entry.state === 'failed');
  return h(
    'li',
    { class: own ? 'own' : 'theirs' },
    h('p', { dir: 'auto' }, words(entry)),
    below
      ? h('span', { class: 'meta' }, ownWords(entry), ' ', at)
      : h('span', { class: 'meta beside' }, h('span', { class: 'hidden' }, ownWords(entry), ' '), at),
    entry.error ? problem(entry.error) : undefined,
  );
};

export const log = (model: Model): HTMLElement => {
  const lastOwn = model.history.findLast((entry) => entry.direction === 'out');
  const contact = model.view.name === 'chat' ? model.view.contact : '';
  const stuck = model.contacts.find((one) => one.name === contact)?.problem != null;
  const items: HTMLElement[] = [];
  let shown = '';
  for (const entry of model.history) {
    const today = day(entry.at);
    if (today !== shown) items.push(h('li', { class: 'day' }, today));
    shown = today;
    items.push(bubble(entry, entry === lastOwn));
  }
  const scroll = h(
    'div',
    { class: 'scroll', id: 'log', tabindex: 0, 'aria-label': say('conversationWith', isolated(contact)), role: 'log' },
    model.earlier === undefined ? undefined : button(say('earlier'), () => void model.more(contact), 'quiet'),
    items.length === 0 && model.read && !stuck
      ? h('p', { class: 'note empty' }, say('noMessages', isolated(contact)))
      : undefined,
    h('ol', { class: 'bubbles' }, ...items),
  );
  // Whoever reads the end stays there when the panel or the field below changes its size.
  let atEnd = true;
  scroll.addEventListener('scroll', () => {
    atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 40;
  });
  new ResizeObserver(() => {
    if (atEnd) scroll.scrollTop = scroll.scrollHeight;
  }).observe(scroll);
  return scroll;
};

export const chatHead = (model: Model, name: string): HTMLElement => {
  const contact = model.contacts.find((one) => one.name === name);
  return h(
    'div',
    { class: 'chat-head' },
    head(
      model,
      name,
      undefined,
      button(
        say(contact?.verified === true ? 'verified' : 'verify'),
        () => model.go({ name: 'verify', contact: name }),
        'quiet',
      ),
    ),
    contact?.problem ? problem(contact.problem) : undefined,
    contact !== undefined && contact.state !== 'active'
      ? h('p', { class: 'note' }, say(`contact_${contact.state}`))
      : undefined,
  );
};

export const composer = (model: Model, contact: string): HTMLElement => {
  const note = h('span', { class: 'meta', role: 'status' });
  const field = h('textarea', {
    id: 'text',
    rows: 1,
    'aria-label': say('writeTo', isolated(contact)),
    placeholder: say('writeTo', isolated(contact)),
    dir: 'auto',
  });
  const length = (): number => new TextEncoder().encode(field.value).length;
  const grow = (): void => {
    field.style.height = 'auto';
    // Six lines, with their padding and border.
    field.style.height = `${Math.min(field.scrollHeight + 2, 6 * 20 + 12)}px`;
    const over = length() - LIMITS.max_text;
    note.textContent = over > 0 ? say('tooLong', String(over)) : '';
  };
  // The same id again is the same message, so sending again cannot send it twice.
  const post = async (message: Methods['message.send']['params']): Promise<void> => {
    try {
      await model.client.call('message.send', message);
    } catch (error) {
      const brokeOff = failureFrom(error).retry === 'now';
      if (!brokeOff || !(await model.client.reconnected(RECONNECTING))) throw error;
      await model.client.call('message.send', message);
    }
  };
  let draft = crypto.randomUUID().replaceAll('-', '');
  let sending = false;
  const send = async (): Promise<void> => {
    const text = field.value;
    if (sending || text.trim() === '' || length() > LIMITS.max_text || model.persona === undefined) return;
    sending = true;
    const { persona } = model;
    const well = await model.try(async () => {
      model.error = undefined;
      await post({ persona, contact, text, id: draft });
    });
    sending = false;
    if (!well) return;
    draft = crypto.randomUUID().replaceAll('-', '');
    field.value = '';
    grow();
    await model.messages(persona, contact);
  };
  field.addEventListener('input', () => {
    draft = crypto.randomUUID().replaceAll('-', '');
    grow();
  });
  field.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void send();
  });
  return h(
    'form',
    {
      class: 'composer',
      onsubmit: (event) => {
        event.preventDefault();
        void send();
      },
    },
    field,
    h('button', { type: 'submit', class: 'main' }, say('send')),
    note,
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
