type Child = Node | string | undefined | false;
type Properties = Record<string, string | number | boolean | EventListener | undefined>;

/** Makes an element. Text is always text, never markup; `on…` properties are listeners. */
export const h = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children) if (child !== undefined && child !== false) element.append(child);
  return element;
};

/** The element of the page with this id; the page is ours, so it is there. */
export const byId = (id: string): HTMLElement => {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
};

/** The button of an action. */
export const button = (label: string, run: () => void, kind = ''): HTMLButtonElement =>
  h('button', { type: 'button', class: kind, onclick: run }, label);
