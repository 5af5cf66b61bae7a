import { LIMITS, type Profile } from '../api/generated.ts';
import { confirmed } from '../core/confirm.ts';
import { button, h } from '../core/dom.ts';
import { isolated, words as say } from '../core/i18n.ts';
import { fill } from '../core/invite.ts';
import { mark } from '../core/mark.ts';
import { when } from '../core/show.ts';
import { head } from './head.ts';
import type { Model } from './model.ts';

/** Bytes of the longest name of a profile that is typed here. */
const LONGEST = 255;

/** `twitter.com/alice` of `person:twitter.com/alice`. */
export const profileName = (profile: string): string => profile.replace(/^person:/, '');

/** The first digits of a key, beside its mark. */
const key = (public_key: string): HTMLElement => h('code', {}, public_key.slice(2, 10));

const doubt = (model: Model, profile: Profile, other: string): HTMLElement => {
  const take = (): Promise<void> =>
    confirmed({
      title: say('takeKey', isolated(profileName(profile.profile))),
      note: say('takeKeyNote'),
      label: say('takeOther'),
    }).then(async (sure) => {
      if (!sure) return;
      const params = model.own({ profile: profile.profile, of: other, replace: true });
      await model.try(async () => void (await model.client.call('profile.set', params)));
      await model.known();
    });
  return h(
    'div',
    { class: 'problem' },
    h('p', { class: 'what' }, say('otherKey')),
    h('p', {}, mark(other), ' ', key(other), ' ', say('otherKeyMeans')),
    model.can('messages.send') ? button(say('takeOther'), () => void take()) : undefined,
  );
};

const card = (model: Model, profile: Profile): HTMLElement => {
  const name = profileName(profile.profile);
  const forget = button(
    say('forgetProfile'),
    () =>
      void model
        .try(async () => void (await model.client.call('profile.forget', { profile: profile.profile })))
        .then(() => model.known()),
    'quiet',
  );
  forget.setAttribute('aria-label', say('forgetWhich', isolated(name)));
  return h(
    'li',
    { class: 'card' },
    h('div', { class: 'from' }, mark(profile.public_key), h('bdi', {}, name), when(profile.since)),
    h(
      'p',
      { class: 'note' },
      profile.name == null ? key(profile.public_key) : h('bdi', {}, profile.name),
      ' · ',
      say(`profile_${profile.source}`),
    ),
    profile.other_key == null ? undefined : doubt(model, profile, profile.other_key),
    model.can('messages.send') ? forget : undefined,
  );
};

const adding = (model: Model): HTMLElement => {
  const profile = h('input', { id: 'profile', required: true, maxlength: LONGEST, autocomplete: 'off', dir: 'ltr' });
  const whose = h('input', {
    id: 'whose',
    required: true,
    maxlength: LIMITS.max_name + 66,
    autocomplete: 'off',
    dir: 'auto',
    list: 'whom',
  });
  const place = h('div', { 'aria-live': 'polite' });
  const submit = (event: Event): void => {
    event.preventDefault();
    fill(place, async () => {
      const params = model.own({ profile: profile.value.trim(), of: whose.value.trim() });
      const set = await model.client.call('profile.set', params);
      profile.value = whose.value = '';
      await model.known();
      return h('p', { class: 'ok' }, say('profileSet', profileName(set.profile)));
    });
  };
  const names = [...model.personas, ...model.contacts].map(({ name }) => h('option', { value: name }));
  return h(
    'form',
    { class: 'card', onsubmit: submit },
    h('h3', {}, say('addProfile')),
    h('label', { for: profile.id }, say('profileAddress')),
    profile,
    h('label', { for: whose.id }, say('profileWhose')),
    whose,
    h('datalist', { id: 'whom' }, ...names),
    h('button', { type: 'submit' }, say('add')),
    place,
  );
};

/** Profiles of social networks and the keys behind them; those that showed another key come first. */
export const profiles = (model: Model): HTMLElement => {
  const sorted = [...model.profiles].sort(
    (one, other) => Number(other.other_key != null) - Number(one.other_key != null),
  );
  return h(
    'section',
    {},
    head(model, say('profiles')),
    h('p', { class: 'note' }, say(sorted.length === 0 ? 'noProfilesNote' : 'profilesNote')),
    h('ul', { class: 'cards' }, ...sorted.map((profile) => card(model, profile))),
    model.can('messages.send') ? adding(model) : undefined,
  );
};
