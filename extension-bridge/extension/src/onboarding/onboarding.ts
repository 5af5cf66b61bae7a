import { PageClient } from '../core/client.ts';
import { button, byId, h } from '../core/dom.ts';
import { LEVEL_NAMES, LEVELS, mayAskForMore, nextLevel, type Level } from '../core/grants.ts';
import { language, translate, words as say } from '../core/i18n.ts';
import { mark } from '../core/mark.ts';
import { inviteForm } from '../core/invite.ts';
import { everything } from '../core/lists.ts';
import { command, grantWords, linkWords, problem } from '../core/show.ts';

const client = new PageClient();
let clock: ReturnType<typeof setInterval> | undefined;

const system = (): 'linux' | 'mac' | 'windows' =>
  /Mac/.test(navigator.userAgent) ? 'mac' : /Windows/.test(navigator.userAgent) ? 'windows' : 'linux';

const label = (): string => {
  const agent = navigator.userAgent;
  const name = /Firefox\//.test(agent)
    ? 'Firefox'
    : /Edg\//.test(agent)
      ? 'Edge'
      : /OPR\//.test(agent)
        ? 'Opera'
        : 'Chromium';
  return `${name} (${system()})`;
};

/** What somebody chose to ask for; until then the least. */
let chosen: Level | undefined;

/** What to ask for, least first, and what each is for. */
const levels = (): HTMLElement => {
  const level = chosen ?? nextLevel(client.state.grants);
  const list = h('div', {}, grantWords(LEVELS[level]));
  const rows = LEVEL_NAMES.map((name) => {
    const box = h('input', { type: 'radio', name: 'level', id: `level-${name}`, value: name, checked: name === level });
    box.addEventListener('change', () => {
      chosen = name;
      list.replaceChildren(grantWords(LEVELS[name]));
    });
    return h('label', { class: 'inline', for: box.id }, box, h('span', {}, say(`level_${name}`)));
  });
  return h('fieldset', {}, h('legend', {}, say('askFor')), ...rows, list, h('p', { class: 'note' }, say('levelsNote')));
};

const ask = (): void => client.pair(label(), LEVELS[chosen ?? nextLevel(client.state.grants)]);
const FOUND = new Set(['unpaired', 'pairing', 'refused', 'expired', 'revoked', 'ready']);

const daemonStep = (): HTMLElement => {
  const { state } = client;
  if (FOUND.has(state.stage)) return h('p', { class: 'ok' }, say('daemonFound', state.version ?? ''));
  const moves = h('p', { class: 'meta' }, say('movesOn'));
  const shell = h('p', { class: 'note' }, say(`terminal_${system()}`));
  if (state.stage === 'missing')
    return h(
      'div',
      {},
      h('p', { class: 'what' }, linkWords(state)),
      h('p', {}, say('missingNote')),
      shell,
      command('bauta browser install'),
      moves,
    );
  if (state.stage === 'connecting') return h('p', { role: 'status' }, linkWords(state));
  if (state.stage === 'stopped')
    return h('div', {}, h('p', { class: 'what' }, linkWords(state)), shell, command('bauta up'), moves);
  return h(
    'div',
    {},
    h('p', { class: 'what' }, linkWords(state)),
    state.failure === undefined ? undefined : problem(state.failure),
    moves,
  );
};

const pairStep = (): HTMLElement => {
  const { state } = client;
  clearInterval(clock);
  if (state.code !== undefined) {
    const left = h('span', { role: 'timer' });
    const until = Date.parse(state.expiresAt ?? '');
    const tick = (): void => {
      left.textContent = say('secondsLeft', String(Math.max(0, Math.round((until - Date.now()) / 1000)) || 0));
    };
    tick();
    clock = setInterval(tick, 1000);
    return h(
      'div',
      {},
      h('p', {}, say('codeNote')),
      h(
        'p',
        { class: 'code', 'aria-label': [...state.code].join(' ') },
        `${state.code.slice(0, 3)} ${state.code.slice(3)}`,
      ),
      command(`bauta pair approve ${state.code}`),
      h('p', { class: 'meta' }, left),
      h('p', {}, say('asksFor')),
      grantWords(state.asked ?? []),
      h('p', { class: 'note' }, say('grantsNote')),
    );
  }
  if (state.stage === 'ready')
    return h(
      'div',
      {},
      h('p', { class: 'ok' }, say('paired')),
      h('p', {}, say('grants')),
      grantWords(state.grants),
      state.ended === undefined ? undefined : h('p', { role: 'alert' }, say(`stage_${state.ended}`)),
      state.failure === undefined ? undefined : problem(state.failure),
      ...(mayAskForMore(state.grants) ? [levels(), button(say('askForMore'), ask)] : []),
    );
  if (!FOUND.has(state.stage)) return h('p', { class: 'meta' }, say('afterDaemon'));
  return h(
    'div',
    {},
    state.stage === 'unpaired' ? undefined : h('p', { role: 'alert' }, linkWords(state)),
    state.failure === undefined ? undefined : problem(state.failure),
    h('p', {}, say('pairNote')),
    levels(),
    button(say('showCode'), ask, 'main'),
  );
};

const personaStep = async (): Promise<void> => {
  const place = byId('persona');
  const { state } = client;
  if (state.stage !== 'ready') {
    place.replaceChildren(h('p', { class: 'meta' }, say('afterPairing')));
    return;
  }
  try {
    const personas = await everything(client, 'persona.list', {});
    const own = personas.filter((one) => state.personas?.includes(one.name) ?? true);
    // What was made or typed here stays when the list is read again.
    const key = own.map((one) => one.name).join('\n');
    if (place.dataset['key'] === key && own.length > 0) return;
    place.dataset['key'] = key;
    if (own.length === 0) {
      place.replaceChildren(
        h('p', {}, say('newPersona')),
        command('bauta persona new NAME'),
        command('bauta persona import --help'),
        h('p', { class: 'meta' }, say('movesOn')),
      );
      return;
    }
    place.replaceChildren(
      h('ul', { class: 'plain' }, ...own.map((one) => h('li', {}, mark(one.public_key), h('bdi', {}, one.name)))),
      state.grants.includes('messages.send') ? inviteForm(client, own[0]?.name) : '',
      h('p', { class: 'note' }, say('openPanelNote')),
    );
  } catch {
    place.replaceChildren(h('p', { class: 'note' }, say('personasHidden')));
  }
};

/** Which step is done, and which one is next. */
const marks = (): void => {
  const { stage } = client.state;
  const now = stage === 'ready' ? 4 : FOUND.has(stage) ? 3 : 2;
  for (const step of [1, 2, 3, 4]) {
    const card = byId(`step${step}`);
    const done = step > 1 && step < now;
    card.querySelector('.done')?.remove();
    if (done) card.querySelector('h2')?.append(h('span', { class: 'done' }, say('stepDone')));
    card.classList.toggle('later', step > now);
    if (step === now) card.setAttribute('aria-current', 'step');
    else card.removeAttribute('aria-current');
  }
};

let last = '';
let granted = '';
const draw = (): void => {
  const key = JSON.stringify(client.state);
  if (key === last) return;
  last = key;
  // What was asked for was given: the next question is another one.
  if (granted !== client.state.grants.join()) chosen = undefined;
  granted = client.state.grants.join();
  byId('daemon').replaceChildren(daemonStep());
  byId('pair').replaceChildren(pairStep());
  marks();
  void personaStep();
};

document.documentElement.lang = language();
translate(document);
client.onState = draw;
client.onReload = () => void personaStep();
// A persona that was made meanwhile connects, and that is how this page learns of it.
client.onEvent = (event) => {
  if (event.kind === 'status.changed') void personaStep();
};
client.open();
draw();
