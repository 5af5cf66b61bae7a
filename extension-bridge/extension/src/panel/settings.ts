import { button, h } from '../core/dom.ts';
import { words as say } from '../core/i18n.ts';
import { command } from '../core/show.ts';
import { patternOf, siteOf } from '../core/sites.ts';
import { head } from './head.ts';
import type { Model } from './model.ts';
import { noticesCard } from './notices.ts';
import { pairingCard } from './pairing.ts';
import { retentionCard } from './retention.ts';

/** Switches the site of the tab on and off. */
const siteBox = (redraw: () => void): HTMLElement => {
  const place = h('div', { class: 'card' }, h('h3', {}, say('thisSite')));
  void (async () => {
    const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
    const site = siteOf(tab?.url);
    if (site === undefined) {
      place.append(h('p', { class: 'note' }, say('siteUnknown')));
      return;
    }
    const { hostname } = new URL(site);
    const origins = [patternOf(site)];
    if (await chrome.permissions.contains({ origins })) {
      place.append(
        h('p', {}, say('siteOn', hostname)),
        button(say('siteSwitchOff'), () => void chrome.permissions.remove({ origins }).then(redraw), 'quiet'),
      );
    } else {
      place.append(
        h('p', {}, say('siteOff', hostname)),
        h('p', { class: 'note' }, say('siteNote')),
        button(say('siteSwitchOn'), () => void chrome.permissions.request({ origins }).then(redraw), 'main'),
      );
    }
  })();
  return place;
};

/** `redraw`: what is shown has changed outside of the model. */
export const settings = (model: Model, redraw: () => void): HTMLElement => {
  const ofHome = model.client.state.personas === null;
  const links = [
    model.can('contacts.read') && ofHome ? button(say('profiles'), () => model.go({ name: 'profiles' }), 'quiet') : '',
    model.can('contacts.read') && model.persona !== undefined
      ? button(say('blocked'), () => model.go({ name: 'blocked' }), 'quiet')
      : '',
  ].filter((link) => link !== '');
  const on = h('ul', { class: 'plain' });
  void chrome.permissions.getAll().then(({ origins = [] }) =>
    on.replaceChildren(
      ...(origins.length === 0 ? [h('li', { class: 'note' }, say('noSites'))] : []),
      ...origins.map((origin) =>
        h(
          'li',
          {},
          h('span', {}, origin.replace(/\/\*$/, '')),
          button(
            say('siteSwitchOff'),
            () => void chrome.permissions.remove({ origins: [origin] }).then(redraw),
            'quiet',
          ),
        ),
      ),
    ),
  );
  return h(
    'section',
    {},
    head(model, say('settings')),
    siteBox(redraw),
    h('div', { class: 'card' }, h('h3', {}, say('sitesOn')), on),
    model.can('messages.read') ? noticesCard() : undefined,
    ofHome && model.can('messages.send') ? retentionCard(model) : undefined,
    links.length === 0 ? undefined : h('div', { class: 'card list-of-actions' }, ...links),
    pairingCard(model),
    h('div', { class: 'card' }, h('h3', {}, say('otherSettings')), command('bauta config list')),
  );
};
