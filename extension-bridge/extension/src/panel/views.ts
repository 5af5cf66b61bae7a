import { LIMITS, type SafetyNumber } from '../api/generated.ts';
import { button, h } from '../core/dom.ts';
import { isolated, words as say, wordsIfAny } from '../core/i18n.ts';
import { fill, inviteForm } from '../core/invite.ts';
import { mark } from '../core/mark.ts';
import { bytesOf, qr } from '../core/qr.ts';
import { CONNECTING, phaseWords, problem, stateWords, when } from '../core/show.ts';
import { head } from './head.ts';
import type { Model } from './model.ts';

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
