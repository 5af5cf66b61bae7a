import { h } from '../core/dom.ts';
import { words as say } from '../core/i18n.ts';
import { chosenNotice, NOTICE, NOTICES, PERMISSION, type Notice } from '../core/notices.ts';

/** Keeps the choice first: a popup may be gone when the browser has asked its question. */
const choose = (notice: Notice): Promise<boolean> => {
  const kept = chrome.storage.local.set({ [NOTICE]: notice });
  // The browser asks only while it handles the press, so nothing is waited for before.
  const allowed = notice === 'off' ? chrome.permissions.remove(PERMISSION) : chrome.permissions.request(PERMISSION);
  return kept.then(() => allowed);
};

/** Desktop notifications: off until somebody wants them, and without words until somebody wants these. */
export const noticesCard = (): HTMLElement => {
  const boxes = new Map<Notice, HTMLInputElement>();
  const show = (notice: Notice): void => {
    for (const [name, box] of boxes) box.checked = name === notice;
  };
  const rows = NOTICES.map((notice) => {
    const box = h('input', { type: 'radio', name: 'notices', id: `notices-${notice}`, value: notice });
    box.addEventListener('change', () => {
      void choose(notice)
        .catch(() => false)
        .then(chosenNotice)
        .then(show);
    });
    boxes.set(notice, box);
    return h('label', { class: 'inline', for: box.id }, box, h('span', {}, say(`notices_${notice}`)));
  });
  void chosenNotice().then(show);
  return h(
    'fieldset',
    { class: 'card' },
    h('legend', {}, say('notices')),
    ...rows,
    h('p', { class: 'note' }, say('noticesNote')),
  );
};
