/** Gives the words for a key in the browser's language; a key without words is a mistake that a test finds. */
export type Words = (key: string, ...substitutions: string[]) => string;

export const words: Words = (key, ...substitutions) => chrome.i18n.getMessage(key, substitutions) || key;

/** Fills `data-i18n` (text) and `data-i18n-label` (accessible name) below a root. */
export const translate = (root: ParentNode, say: Words = words): void => {
  for (const element of root.querySelectorAll<HTMLElement>('[data-i18n]')) {
    element.textContent = say(element.dataset['i18n'] ?? '');
  }
  for (const element of root.querySelectorAll<HTMLElement>('[data-i18n-label]')) {
    element.setAttribute('aria-label', say(element.dataset['i18nLabel'] ?? ''));
  }
};

/** The language tag for `lang`, from the browser. */
export const language = (): string => chrome.i18n.getUILanguage();
