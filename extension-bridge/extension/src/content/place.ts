/** Puts the extension's own frames into a page: a closed shadow root around a frame of another origin. */

/** Elements that are ours; the finder passes over them. */
const own = new WeakSet<Node>();

export const isOwn = (node: Node): boolean => own.has(node);

export interface Placed {
  readonly host: HTMLElement;
  readonly frame: HTMLIFrameElement;
}

type Style = Readonly<Record<string, string>>;

/** Sets styles that the page's own sheets do not win over, and that its policy on inline styles does not stop. */
export const setStyle = (element: HTMLElement, style: Style): void => {
  for (const [name, value] of Object.entries(style)) element.style.setProperty(name, value, 'important');
};

/** What a page could make a frame invisible or misplaced with. Short, because the page's document carries it. */
const RESET: Style = {
  display: 'block',
  contain: 'content',
  visibility: 'visible',
  opacity: '1',
  transform: 'none',
  filter: 'none',
  'clip-path': 'none',
  mask: 'none',
  'mix-blend-mode': 'normal',
  'pointer-events': 'auto',
  float: 'none',
  position: 'static',
  border: '0',
  padding: '0',
  'max-width': 'none',
  'max-height': 'none',
  'border-radius': '8px',
};

/** Whether text on the page is light, and so its background dark: our elements should look the same. */
export const shadeOf = (color: string): 'dark' | 'light' | '' => {
  const [red, green, blue] = (/^rgba?\((\d+), (\d+), (\d+)/.exec(color) ?? []).slice(1).map(Number);
  if (red === undefined || green === undefined || blue === undefined) return '';
  return 0.299 * red + 0.587 * green + 0.114 * blue > 128 ? 'dark' : 'light';
};

const makeHost = (style: Style): HTMLElement => {
  const host = document.createElement('div');
  own.add(host);
  setStyle(host, { ...RESET, ...style });
  return host;
};

/** Not yet in the page. Only this script and the frame know its address. */
export const place = (address: string, title: string, style: Style): Placed => {
  const host = makeHost(style);
  const frame = document.createElement('iframe');
  setStyle(frame, { border: '0', width: '100%', height: '100%', display: 'block', 'color-scheme': 'normal' });
  frame.title = title;
  frame.referrerPolicy = 'no-referrer';
  frame.src = address;
  host.attachShadow({ mode: 'closed' }).append(frame);
  return { host, frame };
};

/** A button of ours, out of the page's reach as far as a page allows. */
export const placeButton = (label: string, run: () => void): HTMLElement => {
  const host = makeHost({ position: 'fixed', 'z-index': '2147483646' });
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = '✎ Bauta';
  button.setAttribute('aria-label', label);
  button.title = label;
  setStyle(button, {
    all: 'initial',
    font: '12px/16px system-ui, sans-serif',
    'min-height': '32px',
    padding: '4px 12px',
    border: '1px solid #85827a',
    'border-radius': '8px',
    background: '#fff',
    color: '#8e2430',
    cursor: 'pointer',
  });
  // A page can send clicks, but not ones that the browser trusts.
  button.addEventListener('click', (event) => {
    if (event.isTrusted) run();
  });
  // The editor keeps its selection.
  button.addEventListener('mousedown', (event) => event.preventDefault());
  host.attachShadow({ mode: 'closed' }).append(button);
  return host;
};
