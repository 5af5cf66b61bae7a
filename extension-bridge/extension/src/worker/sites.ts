/** Sites where the extension works: exactly those that the browser holds a permission for. */

import { patternOf } from '../core/sites.ts';

const SCRIPT = 'page';

export const isOn = (origin: string): Promise<boolean> => chrome.permissions.contains({ origins: [patternOf(origin)] });

export const sites = async (): Promise<string[]> => (await chrome.permissions.getAll()).origins ?? [];

/** Makes the registered content script that of the sites which are on. */
export const register = async (): Promise<void> => {
  const matches = await sites();
  const [known] = await chrome.scripting.getRegisteredContentScripts({ ids: [SCRIPT] });
  if (matches.length === 0) {
    if (known !== undefined) await chrome.scripting.unregisterContentScripts({ ids: [SCRIPT] });
    return;
  }
  const script = {
    id: SCRIPT,
    matches,
    js: ['content.js'],
    runAt: 'document_idle' as const,
    allFrames: false,
    persistAcrossSessions: true,
  };
  if (known === undefined) await chrome.scripting.registerContentScripts([script]);
  else await chrome.scripting.updateContentScripts([script]);
};

/** Pages that are open already get the script at once. */
export const inject = async (patterns: string[]): Promise<void> => {
  for (const tab of await chrome.tabs.query({ url: patterns })) {
    if (tab.id === undefined) continue;
    // A tab may be gone or refuse; it then gets the script when it loads.
    await chrome.scripting.executeScript({ target: { tabId: tab.id }, files: ['content.js'] }).catch(() => undefined);
  }
};
