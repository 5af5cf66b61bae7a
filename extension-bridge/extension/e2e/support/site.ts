import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Served {
  readonly html: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Notes everything that a page can notice: key events, messages, changes, shadow roots that are made in it. */
const RECORDER = `<script>
  window.seen = [];
  const note = (text) => { if (seen.length < 20000) seen.push(text); };
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (init) { note('shadow'); return attach.call(this, { ...init, mode: 'open' }); };
  const names = ['keydown', 'keypress', 'keyup', 'beforeinput', 'input', 'change', 'textInput', 'compositionupdate', 'copy', 'cut', 'paste', 'click', 'message', 'messageerror', 'error', 'load', 'securitypolicyviolation', 'toggle'];
  for (const name of names) addEventListener(name, (event) => note([name, event.key, event.data, event.message, event.blockedURI, event.sourceFile, event.clipboardData?.getData('text'), ...event.composedPath().map((node) => node.src ?? node.value ?? node.textContent)].join(' ')), true);
  document.addEventListener('selectionchange', () => note('selection ' + getSelection()));
  new MutationObserver((changes) => { for (const change of changes) for (const node of change.addedNodes) note('added ' + (node.outerHTML ?? node.data)); }).observe(document, { subtree: true, childList: true });
</script>`;

/** A page's document around what is in its body. */
export const bodyOf = (body: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A site</title>${RECORDER}</head><body><main>${body}</main></body></html>`;

/** A web server on 127.0.0.1, on a port of its own: a site with posts. */
export class Site {
  readonly pages: Map<string, Served>;
  /** What was asked for. */
  readonly requests: string[] = [];
  readonly #server: Server;

  private constructor(server: Server, pages: Map<string, Served>) {
    this.#server = server;
    this.pages = pages;
  }

  static async start(pages: Readonly<Record<string, Served | string>> = {}): Promise<Site> {
    const served = new Map(
      Object.entries(pages).map(([path, page]) => [path, typeof page === 'string' ? { html: page } : page]),
    );
    const server = createServer((request, response) => {
      const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
      site.requests.push(request.url ?? '/');
      const page = served.get(path);
      response.writeHead(page === undefined ? 404 : 200, {
        'content-type': 'text/html; charset=utf-8',
        ...page?.headers,
      });
      response.end(page?.html ?? '');
    });
    const site = new Site(server, served);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return site;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  url(path: string): string {
    return this.origin + path;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
