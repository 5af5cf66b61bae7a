/** The pattern that the browser's permission names a site by; Firefox's patterns have no ports. */
export const patternOf = (origin: string): string => {
  const url = new URL(origin);
  return `${url.protocol}//${url.hostname}/*`;
};

/** `https://example.org` for an address of the web; undefined for anything else. */
export const siteOf = (address: string | undefined): string | undefined => {
  if (address === undefined || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  return url.protocol === 'https:' || url.protocol === 'http:' ? url.origin : undefined;
};
