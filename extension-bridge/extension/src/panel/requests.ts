import { LIMITS } from '../api/generated.ts';
import { button, h } from '../core/dom.ts';
import { words as say } from '../core/i18n.ts';
import { mark } from '../core/mark.ts';
import { when } from '../core/show.ts';
import { head } from './head.ts';
import type { Model } from './model.ts';

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
    const remove = button(
      say('delete'),
      () => void gone(() => model.client.call('contact.delete', { persona, contact: id })),
    );
    const block = button(
      say('block'),
      () => void gone(() => model.client.call('contact.block', { persona, contact: id })),
      'quiet',
    );
    accept.id = `accept-${id}`;
    remove.id = `delete-${id}`;
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
      model.can('messages.send') ? h('div', { class: 'actions' }, accept, remove, block) : undefined,
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
