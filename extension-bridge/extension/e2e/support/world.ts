import { join } from 'node:path';
import { makeDirectory, program, removeDirectory, run, Running, type Output } from './processes.ts';
import { until } from './until.ts';

/** One daemon in a home of its own, with what its owner types on the command line. */
export class Daemon {
  readonly name: string;
  readonly home: string;
  readonly #up: readonly string[];
  #running: Running | undefined;

  constructor(name: string, home: string, up: readonly string[]) {
    this.name = name;
    this.home = home;
    this.#up = up;
  }

  /** Runs `bauta` on this home. */
  cli(...args: string[]): Promise<Output> {
    return run(program('bauta'), ['--home', this.home, ...args]);
  }

  /** Runs `bauta --json` on this home and returns what it prints. Throws if it fails. */
  async json<T = any>(...args: string[]): Promise<T> {
    const { stdout, stderr, code } = await this.cli('--json', ...args);
    if (code !== 0) throw new Error(`bauta ${args.join(' ')}: exit status ${code}\n${stdout}${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** Sends messages, one after another; each is stored at the contact's relay before the next is sent. */
  async sends(contact: string, ...texts: string[]): Promise<void> {
    for (const text of texts) await this.json('send', contact, text);
  }

  /** What arrived from a contact, oldest first. */
  async textsFrom(contact: string): Promise<string[]> {
    // Looked at by the test, not by the user: it stays unread.
    const messages = await this.json<Array<{ from: string; text: string }>>('inbox', '--keep');
    return messages
      .filter((message) => message.from === contact)
      .map((message) => ('text' in message ? message.text : ''));
  }

  /** Waits until a message of the contact has arrived. */
  async receives(contact: string, text: string): Promise<void> {
    await until(`"${text}" arrives at ${this.name}`, async () => (await this.textsFrom(contact)).includes(text));
  }

  /** Waits until the first exchange with a contact is done. */
  async knows(contact: string): Promise<void> {
    await until(
      `${contact} is a contact of ${this.name}`,
      async () => (await this.json('contact', 'show', contact)).state === 'active',
    );
  }

  /** The persona's address, for strangers. */
  async address(): Promise<string> {
    return (await this.json('persona', 'show', this.name)).address;
  }

  /** Starts the daemon and waits until it answers; not until it is connected. */
  async start(): Promise<void> {
    if (this.#running !== undefined) throw new Error(`${this.name} runs already`);
    const running = new Running(program('bauta'), ['--home', this.home, 'up', ...this.#up]);
    this.#running = running;
    await until(`the daemon of ${this.name} answers`, async () => {
      running.assertRunning();
      return (await this.cli('status')).code === 0;
    });
  }

  /** Waits until the daemon is connected through the mixnet. */
  async connected(): Promise<void> {
    await until(`${this.name} is connected`, async () => (await this.json('status')).state === 'ready');
  }

  /** Ends the daemon as a system does that shuts down. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Ends the daemon as a crash does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.end(signal);
  }
}

/** A mixnet and a relay on this machine, and daemons on it: real processes, below one directory. */
export class World {
  readonly dir: string;
  readonly daemons: Daemon[] = [];
  #localnet: Running | undefined;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async start({ gateways = 2 }: { gateways?: number } = {}): Promise<World> {
    const world = new World(makeDirectory());
    const localnet = new Running(program('bauta'), [
      'localnet',
      '--dir',
      join(world.dir, 'net'),
      '--gateways',
      String(gateways),
    ]);
    world.#localnet = localnet;
    try {
      await until('the local network runs', () => {
        localnet.assertRunning();
        return localnet.stdout.includes('network.json');
      });
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }

  /** Ends the network as a crash does: its description stays, and nothing of it can be reached. */
  async killNetwork(): Promise<void> {
    const localnet = this.#localnet;
    this.#localnet = undefined;
    await localnet?.end('SIGKILL');
  }

  /** The network as `bauta up --network` takes it. */
  get network(): string {
    return join(this.dir, 'net/network.json');
  }

  /** A daemon with one persona of the same name, connected. `up`: more arguments for `bauta up`. */
  async daemon(name: string, { up = [] as readonly string[] } = {}): Promise<Daemon> {
    const daemon = this.home(name, { up });
    await daemon.start();
    await daemon.json('persona', 'new', name);
    await daemon.connected();
    return daemon;
  }

  /** A home that no daemon runs on yet, without a persona. */
  home(name: string, { up = [] as readonly string[] } = {}): Daemon {
    const daemon = new Daemon(name, join(this.dir, name), [
      '--network',
      this.network,
      '--unlock',
      'keyfile',
      '--traffic',
      'test',
      ...up,
    ]);
    this.daemons.push(daemon);
    return daemon;
  }

  /** Makes two daemons each other's contacts, by an invitation on the command line. */
  async introduce(one: Daemon, other: Daemon): Promise<void> {
    const { address } = await one.json('contact', 'invite', '--name', other.name);
    await other.json('contact', 'add', one.name, address);
    await Promise.all([one.knows(other.name), other.knows(one.name)]);
  }

  /** Suspends the mixnet and the relay, so that nothing gets through; or lets them continue. */
  freeze(frozen: boolean): void {
    this.#localnet?.freeze(frozen);
  }

  /** Ends everything and removes the directory. */
  async stop(): Promise<void> {
    const ends = await Promise.allSettled([...this.daemons.map((daemon) => daemon.stop()), this.#localnet?.end()]);
    this.#localnet = undefined;
    removeDirectory(this.dir);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }
}
