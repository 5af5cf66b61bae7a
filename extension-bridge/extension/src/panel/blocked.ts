import type { BlockedKey } from '../api/generated.ts';
import { button, h } from '../core/dom.ts';
import { isolated, words as say } from '../core/i18n.ts';
import { fill } from '../core/invite.ts';
import { everything } from '../core/lists.ts';
import { mark } from '../core/mark.ts';
import { when } from '../core/show.ts';
import { head } from './head.ts';
import type { Model } from './model.ts';

/** Contacts and strangers who are blocked, and the way back. */
export const blocked = (model: Model): HTMLElement => {
  const place = h('div', { 'aria-live': 'polite' });
  const row = ({ public_key, name, since }: BlockedKey): HTMLElement => {
    const digits = public_key.slice(2, 10);
    const back = button(
      say('unblock'),
      () => {
        back.disabled = true;
        void model
          .try(async () => {
            await model.client.call('contact.unblock', model.own({ contact: public_key }));
            await model.people();
          })
          .then(() => {
            list();
            // The button is gone.
            document.getElementById('title')?.focus();
          });
      },
      'quiet',
    );
    back.setAttribute('aria-label', say('unblockWhom', isolated(name ?? digits)));
    return h(
      'li',
      {},
      mark(public_key),
      h('span', { dir: 'auto' }, name ?? h('code', {}, digits)),
      when(since),
      model.can('messages.send') ? back : undefined,
    );
  };
  const list = (): void =>
    fill(place, async () => {
      const rows = (await everything(model.client, 'contact.blocked', model.own({}))).map(row);
      return rows.length === 0
        ? h('p', { class: 'note' }, say('nobodyBlocked'))
        : h('div', {}, h('ul', { class: 'plain' }, ...rows), h('p', { class: 'note' }, say('unblockNote')));
    });
  list();
  return h(
    'section',
    {},
    head(model, say('blocked'), () => model.go({ name: 'settings' })),
    place,
  );
};
