import { existsSync, mkdirSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ROOT, Running } from './processes.ts';
import { until } from './until.ts';

const SCRIPTS = join(ROOT, '../../tests/gun');

const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

/** A real Gun relay from npm on 127.0.0.1, which the keys of posts are published on. */
export class GunRelay {
  readonly url: string;
  #running: Running;

  private constructor(url: string, running: Running) {
    this.url = url;
    this.#running = running;
  }

  static async start(dir: string): Promise<GunRelay> {
    if (!existsSync(join(SCRIPTS, 'node_modules/gun')))
      throw new Error('the packages from npm are missing: run `make tests/gun/node_modules/.package-lock.json`');
    mkdirSync(dir, { recursive: true });
    const port = await freePort();
    const running = new Running(process.execPath, [join(SCRIPTS, 'relay.js'), 'gun', String(port), dir]);
    await until('the Gun relay listens', () => {
      running.assertRunning();
      return running.stdout.includes('listening');
    });
    return new GunRelay(`http://localhost:${port}/gun`, running);
  }

  async stop(): Promise<void> {
    await this.#running.end('SIGKILL');
  }
}
