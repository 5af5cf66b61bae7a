import type { Contact, HistoryEntry, SafetyNumber } from '../api/generated.ts';
import { failureFrom } from '../core/failure.ts';
import { button, h } from '../core/dom.ts';
import { words as say } from '../core/i18n.ts';
import { unreadKey } from '../core/messages.ts';
import { mark } from '../core/mark.ts';
import { qr } from '../core/qr.ts';
import { command, day, problem, time } from '../core/show.ts';
import type { Model } from './model.ts';

/** The daemon's own limit for a message, in bytes of UTF-8. */
const LONGEST_MESSAGE = 15_000;

const back = (model: Model, to: () => void = () => model.go({ name: 'list' })): HTMLElement => {
  const pressed = button(`‹ ${say('back')}`, to, 'quiet');
  pressed.id = 'back';
  return pressed;
};

const head = (model: Model, title: string, to?: () => void, ...more: HTMLElement[]): HTMLElement =>
  h('div', { class: 'head' }, back(model, to), h('h2', { id: 'title', tabindex: -1, dir: 'auto' }, title), ...more);

const stateWords = (entry: HistoryEntry): string => (entry.direction === 'in' || entry.state == null ? '' : say(`message_${entry.state}`));

const contactRow = (model: Model, contact: Contact): HTMLElement => {
  const unread = model.client.unread[unreadKey(contact.persona, contact.name)] ?? 0;
  const last = model.last.get(contact.name);
  const row = h(
    'button',
    { type: 'button', class: unread > 0 ? 'row unread' : 'row', id: `contact-${contact.name}`, onclick: () => model.go({ name: 'chat', contact: contact.name }) },
    mark(contact.public_key ?? ''),
    h('span', { class: 'who', dir: 'auto' }, contact.name),
    h('span', { class: 'line', dir: 'auto' }, contact.state === 'active' ? (last?.text.slice(0, 120) ?? '') : say(`contact_${contact.state}`)),
    h('span', { class: 'meta' }, last === undefined ? undefined : stateWords(last) || time(last.at)),
    unread > 0 ? h('span', { class: 'count' }, h('span', { class: 'hidden' }, say('unread', String(unread))), h('span', { 'aria-hidden': 'true' }, String(unread))) : undefined,
  );
  return h('li', {}, row);
};

export const list = (model: Model): HTMLElement => {
  const open = model.contacts.filter((contact) => contact.state !== 'blocked');
  return h(
    'section',
    {},
    model.requests.length > 0 ? button(say('requestsCount', String(model.requests.length)), () => model.go({ name: 'requests' }), 'wide') : undefined,
    open.length > 0
      ? h('ul', { class: 'rows', 'aria-label': say('conversations') }, ...open.map((contact) => contactRow(model, contact)))
      : h('div', { class: 'empty' }, h('p', {}, say(model.persona === undefined ? 'noPersona' : 'noContacts')), model.persona === undefined ? command('bauta persona new NAME') : undefined),
    model.can('messages.send') && model.persona !== undefined
      ? h('div', { class: 'actions' }, button(`+ ${say('inviteSomeone')}`, () => model.go({ name: 'invite' }), 'main'), button(say('addByAddress'), () => model.go({ name: 'add' }), 'quiet'))
      : undefined,
  );
};

const bubble = (entry: HistoryEntry, isLast: boolean): HTMLElement =>
  h(
    'li',
    { class: entry.direction === 'out' ? 'own' : 'theirs' },
    h('p', { dir: 'auto' }, entry.text),
    h('span', { class: isLast || entry.state === 'failed' ? 'meta' : 'meta quieter' }, stateWords(entry), entry.direction === 'out' ? ' ' : '', time(entry.delivered_at ?? entry.stored_at ?? entry.at)),
    entry.error ? problem(entry.error) : undefined,
  );

export const log = (model: Model): HTMLElement => {
  const lastOwn = model.history.findLast((entry) => entry.direction === 'out');
  const items: HTMLElement[] = [];
  let shown = '';
  for (const entry of model.history) {
    const today = day(entry.at);
    if (today !== shown) items.push(h('li', { class: 'day' }, today));
    shown = today;
    items.push(bubble(entry, entry === lastOwn));
  }
  const contact = model.view.name === 'chat' ? model.view.contact : '';
  return h(
    'div',
    { class: 'scroll', tabindex: 0, 'aria-label': say('conversationWith', contact), role: 'log' },
    model.earlier === undefined ? undefined : button(say('earlier'), () => void model.more(contact), 'quiet'),
    h('ol', { class: 'bubbles' }, ...items),
  );
};

export const chatHead = (model: Model, name: string): HTMLElement => {
  const contact = model.contacts.find((one) => one.name === name);
  return h(
    'div',
    {},
    head(model, name, undefined, button(say(contact?.verified === true ? 'verified' : 'verify'), () => model.go({ name: 'verify', contact: name }), 'quiet')),
    contact?.problem ? problem(contact.problem) : undefined,
    contact !== undefined && contact.state !== 'active' ? h('p', { class: 'note' }, say(`contact_${contact.state}`)) : undefined,
  );
};

export const composer = (model: Model, contact: string): HTMLElement => {
  const note = h('span', { class: 'meta', role: 'status' });
  const field = h('textarea', { id: 'text', rows: 1, 'aria-label': say('writeTo', contact), placeholder: say('writeTo', contact), dir: 'auto' });
  const length = (): number => new TextEncoder().encode(field.value).length;
  const grow = (): void => {
    field.style.height = 'auto';
    field.style.height = `${Math.min(field.scrollHeight, 132)}px`;
    const over = length() - LONGEST_MESSAGE;
    note.textContent = over > 0 ? say('tooLong', String(over)) : '';
  };
  let draft = crypto.randomUUID().replaceAll('-', '');
  let sending = false;
  const send = async (): Promise<void> => {
    const text = field.value;
    if (sending || text.trim() === '' || length() > LONGEST_MESSAGE || model.persona === undefined) return;
    sending = true;
    const { persona } = model;
    // The same id again is the same message, so trying again cannot send it twice.
    const well = await model.try(async () => {
      model.error = undefined;
      await model.client.call('message.send', { persona, contact, text, id: draft });
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
  return h('form', { class: 'composer', onsubmit: (event) => { event.preventDefault(); void send(); } }, field, h('button', { type: 'submit', class: 'main' }, say('send')), note);
};

export const requests = (model: Model): HTMLElement => {
  const items = model.requests.map((request) => {
    const name = h('input', { id: `name-${request.id}`, value: request.public_key.slice(2, 10), maxlength: 64, 'aria-label': say('nameForThem') });
    const gone = async (step: () => Promise<unknown>): Promise<void> => {
      await model.try(async () => void (await step()));
      await model.people();
      if (model.requests.length === 0) model.go({ name: 'list' });
    };
    const { persona, id } = request;
    return h(
      'li',
      { class: 'card' },
      h('div', { class: 'from' }, mark(request.public_key), h('code', {}, request.public_key.slice(2, 10)), time(request.received_at)),
      h('p', { dir: 'auto', class: 'text' }, request.text),
      h('label', { for: name.id }, say('nameForThem')),
      name,
      h(
        'div',
        { class: 'actions' },
        button(say('accept'), () => void gone(() => model.client.call('contact.accept', { persona, id, name: name.value.trim() })), 'main'),
        button(say('block'), () => void gone(() => model.client.call('contact.block', { persona, contact: id })), 'quiet'),
      ),
    );
  });
  return h('section', {}, head(model, say('requests')), h('p', { class: 'note' }, say('requestsNote')), h('ul', { class: 'cards' }, ...items));
};

/** Fills `place` when the step is done; a failure takes its place with the way out. */
const fill = (place: HTMLElement, step: () => Promise<HTMLElement>): void => {
  place.replaceChildren(h('p', { class: 'meta', role: 'status' }, say('working')));
  step().then(
    (made) => place.replaceChildren(made),
    (error: unknown) => place.replaceChildren(problem(failureFrom(error).toJSON(), () => fill(place, step))),
  );
};

export const invite = (model: Model): HTMLElement => {
  const name = h('input', { id: 'invite-name', maxlength: 64 });
  const place = h('div', { 'aria-live': 'polite' });
  const make = (): void =>
    fill(place, async () => {
      const { persona } = model;
      const made = await model.client.call('contact.invite', { ...(persona === undefined ? {} : { persona }), ...(name.value.trim() === '' ? {} : { name: name.value.trim() }) });
      return h('div', { class: 'made' }, qr(made.address, say('invitationQr')), command(made.address), h('p', { class: 'meta' }, say('invitationUntil', new Date(made.expires_at).toLocaleString())), h('p', { class: 'note' }, say('invitationNote')));
    });
  return h('section', {}, head(model, say('inviteSomeone')), h('form', { onsubmit: (event) => { event.preventDefault(); make(); } }, h('label', { for: name.id }, say('nameForThem')), name, h('button', { type: 'submit', class: 'main' }, say('makeInvitation'))), place);
};

export const add = (model: Model): HTMLElement => {
  const address = h('textarea', { id: 'add-address', rows: 3, spellcheck: 'false', required: true });
  const name = h('input', { id: 'add-name', maxlength: 64, required: true });
  const place = h('div', { 'aria-live': 'polite' });
  const submit = (event: Event): void => {
    event.preventDefault();
    fill(place, async () => {
      const { persona } = model;
      const contact = await model.client.call('contact.add', { ...(persona === undefined ? {} : { persona }), address: address.value.trim(), name: name.value.trim() });
      await model.people();
      model.go({ name: 'chat', contact: contact.name });
      return h('p', {}, contact.name);
    });
  };
  return h('section', {}, head(model, say('addByAddress')), h('form', { onsubmit: submit }, h('label', { for: address.id }, say('address')), address, h('label', { for: name.id }, say('nameForThem')), name, h('button', { type: 'submit', class: 'main' }, say('add'))), h('p', { class: 'note' }, say('addNote')), place);
};

const safety = (model: Model, contact: string, number: SafetyNumber, place: HTMLElement): HTMLElement => {
  const set = (to: boolean): void =>
    fill(place, async () => {
      const { persona } = model;
      const after = await model.client.call('contact.verify', { ...(persona === undefined ? {} : { persona }), contact, mark: to });
      await model.people();
      return safety(model, contact, after, place);
    });
  return h(
    'div',
    { class: 'made' },
    qr(number.qr, say('safetyQr')),
    h('p', { class: 'digits' }, ...number.digits.split(' ').map((group) => h('span', {}, `${group} `))),
    h('p', { class: 'note' }, say('safetyNote')),
    number.verified ? h('p', { class: 'ok' }, say('verified')) : undefined,
    number.verified ? button(say('unmark'), () => set(false), 'quiet') : button(say('markEqual'), () => set(true), 'main'),
  );
};

export const verify = (model: Model, contact: string): HTMLElement => {
  const place = h('div', { 'aria-live': 'polite' });
  fill(place, async () => {
    const { persona } = model;
    const number = await model.client.call('contact.verify', { ...(persona === undefined ? {} : { persona }), contact });
    return safety(model, contact, number, place);
  });
  return h('section', {}, head(model, say('safetyNumberOf', contact), () => model.go({ name: 'chat', contact })), place);
};

export const standing = (model: Model): HTMLElement => {
  const { status } = model;
  const facts: Array<[string, string | HTMLElement]> =
    status === undefined
      ? []
      : [
          [say('state'), say(`state_${status.state}`)],
          ...(status.phase ? [[say('phase'), status.phase] as [string, string]] : []),
          [say('since'), time(status.since)],
          [say('traffic'), `${status.traffic}. ${status.traffic_note ?? ''}`],
          [say('network'), status.network],
          [say('lastExchange'), status.last_exchange ? time(status.last_exchange) : say('never')],
          [say('queued'), String(status.queued)],
          [say('version'), status.version],
        ];
  return h(
    'section',
    {},
    head(model, say('connection')),
    h('dl', {}, ...facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])),
    ...(status?.personas ?? []).filter((one) => model.client.state.personas?.includes(one.name) ?? true).map((one) => h('p', { class: 'meta' }, `${one.name}: ${say(`state_${one.state}`)}${one.phase ? `, ${one.phase}` : ''}`)),
    ...(status?.health ?? []).map((item) => problem(item)),
  );
};
