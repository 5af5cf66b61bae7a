/** How much a desktop notification says. It is shown by the system, perhaps on a locked screen, and kept by it. */
export const NOTICES = [
  'off',
  /** That something came. */
  'bare',
  /** And from whom. */
  'name',
  /** And what it says. */
  'text',
] as const;

export type Notice = (typeof NOTICES)[number];

export const NOTICE = 'notices';
export const PERMISSION: chrome.permissions.Permissions = { permissions: ['notifications'] };

export const noticeFrom = (kept: unknown): Notice => NOTICES.find((one) => one === kept) ?? 'off';

/** What was chosen, as far as the browser allows it. */
export const chosenNotice = async (): Promise<Notice> => {
  const [kept, allowed] = await Promise.all([
    chrome.storage.local.get([NOTICE]),
    chrome.permissions.contains(PERMISSION),
  ]);
  return allowed ? noticeFrom(kept[NOTICE]) : 'off';
};
