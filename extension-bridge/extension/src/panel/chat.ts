import { LIMITS, type Methods } from '../api/generated.ts';
import { button, h } from '../core/dom.ts';
import { failureFrom } from '../core/failure.ts';
import { isolated, words as say } from '../core/i18n.ts';
import { day, problem } from '../core/show.ts';
import { head } from './head.ts';
import { bubble, rove } from './message.ts';
import type { Model } from './model.ts';
import { timerWords } from './timer.ts';

/** How long a message that broke off waits for the worker to be back, in milliseconds. */
const RECONNECTING = 10_000;

export const log = (model: Model): HTMLElement => {
  const lastOwn = model.history.findLast((entry) => entry.direction === 'out');
  const { contact, at } = model.view.name === 'chat' ? model.view : { contact: '', at: undefined };
  const stuck = model.contacts.find((one) => one.name === contact)?.problem != null;
  const items: HTMLElement[] = [];
  let shown = '';
  for (const entry of model.history) {
    const today = day(entry.at);
    if (today !== shown) items.push(h('li', { class: 'day' }, today));
    shown = today;
    items.push(bubble(model, contact, entry, { isLast: entry === lastOwn && !model.later, isFound: entry.id === at }));
  }
  const scroll = h(
    'div',
    { class: 'scroll', id: 'log', tabindex: 0, 'aria-label': say('conversationWith', isolated(contact)), role: 'log' },
    model.earlier === undefined ? undefined : button(say('earlier'), () => void model.more(contact), 'quiet'),
    items.length === 0 && model.read && !stuck
      ? h('p', { class: 'note empty' }, say('noMessages', isolated(contact)))
      : undefined,
    h('ol', { class: 'bubbles' }, ...items),
    model.later
      ? h(
          'div',
          { class: 'actions' },
          button(say('laterMessages'), () => void model.moreLater(contact), 'quiet'),
          button(say('latestMessages'), () => model.go({ name: 'chat', contact }), 'quiet'),
        )
      : undefined,
  );
  rove(scroll, model.acting);
  // Whoever reads the end stays there when the panel or the field below changes its size.
  let atEnd = scroll.querySelector('.found') === null && !model.later;
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
  const wasFound = model.view.name === 'chat' && model.view.at !== undefined;
  const about = h(
    'button',
    {
      type: 'button',
      class: 'quiet small',
      id: 'about',
      'aria-label': say('aboutContact', isolated(name)),
      onclick: () => model.go({ name: 'contact', contact: name }),
    },
    '⋯',
  );
  return h(
    'div',
    { class: 'chat-head' },
    head(
      model,
      name,
      wasFound ? () => model.go({ name: 'search' }) : undefined,
      button(
        say(contact?.verified === true ? 'verified' : 'verify'),
        () => model.go({ name: 'verify', contact: name }),
        'quiet',
      ),
      about,
    ),
    contact?.problem ? problem(contact.problem) : undefined,
    contact?.disappearing ? h('p', { class: 'note' }, timerWords(contact.disappearing)) : undefined,
    contact !== undefined && contact.state !== 'active'
      ? h('p', { class: 'note' }, say(`contact_${contact.state}`))
      : undefined,
    contact?.muted === true ? h('p', { class: 'note' }, say('muted')) : undefined,
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
