import { button, h } from '../core/dom.ts';
import { words as say } from '../core/i18n.ts';
import { grantWords, linkWords } from '../core/show.ts';
import { patternOf, siteOf } from '../core/sites.ts';
import { head } from './head.ts';
import type { Model } from './model.ts';

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
  const { state } = model.client;
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
    h(
      'div',
      { class: 'card' },
      h('h3', {}, say('pairing')),
      h('p', {}, linkWords(state)),
      state.grants.length === 0 ? undefined : h('div', {}, h('h4', {}, say('grants')), grantWords(state.grants)),
      button(
        say('openPairing'),
        () => void chrome.tabs.create({ url: chrome.runtime.getURL('onboarding.html') }),
        'quiet',
      ),
    ),
  );
};
