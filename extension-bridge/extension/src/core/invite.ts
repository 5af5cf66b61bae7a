import { LIMITS } from '../api/generated.ts';
import type { PageClient } from './client.ts';
import { button, h } from './dom.ts';
import { failureFrom } from './failure.ts';
import { region, words as say } from './i18n.ts';
import { qr } from './qr.ts';
import { command, problem } from './show.ts';

/** Fills `place` when the step is done; a failure is shown there with what to do. */
export const fill = (place: HTMLElement, step: () => Promise<HTMLElement>): void => {
  place.replaceChildren(h('p', { class: 'meta', role: 'status' }, say('working')));
  step().then(
    (made) => place.replaceChildren(made),
    (error: unknown) => place.replaceChildren(problem(failureFrom(error).toJSON(), () => fill(place, step))),
  );
};

/** Makes an invitation of a persona and shows it as QR code and link. */
export const inviteForm = (client: PageClient, persona: string | undefined): HTMLElement => {
  const name = h('input', { id: 'invite-name', maxlength: LIMITS.max_name, dir: 'auto', autocomplete: 'off' });
  const made = h('div', { 'aria-live': 'polite' });
  const form = h(
    'form',
    {},
    h('label', { for: name.id }, say('nameForThem')),
    name,
    h('p', { class: 'note' }, say('inviteReveals')),
    h('button', { type: 'submit', class: 'main' }, say('makeInvitation')),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const given = name.value.trim();
    fill(made, async () => {
      const { address, expires_at } = await client.call('contact.invite', {
        ...(persona === undefined ? {} : { persona }),
        ...(given === '' ? {} : { name: given }),
      });
      form.hidden = true;
      const another = button(
        say('anotherInvitation'),
        () => {
          form.hidden = false;
          name.value = '';
          made.replaceChildren();
          name.focus();
        },
        'quiet',
      );
      return h(
        'div',
        { class: 'made' },
        qr(address, say('invitationQr')),
        command(address),
        h('p', { class: 'note' }, say('invitationNote')),
        h(
          'p',
          { class: 'meta' },
          say(
            'invitationUntil',
            new Date(expires_at).toLocaleString(region(), { dateStyle: 'medium', timeStyle: 'short' }),
          ),
        ),
        another,
      );
    });
  });
  return h('div', {}, form, made);
};
