import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATIENCE } from './until.ts';

/** The directory of `package.json`; the runner starts every test there. */
export const ROOT = process.cwd();

/** A program of the workspace, from `$BAUTA_BIN_DIR` or the release build. */
export const program = (name: string): string =>
  join(process.env['BAUTA_BIN_DIR'] ?? join(ROOT, '../../target/release'), name);

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
  /** The exit status; null when a signal ended it. */
  readonly code: number | null;
}

const started = new Set<ChildProcess>();
const directories = new Set<string>();

// However the tests end, what they started ends, too.
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
  for (const directory of directories) removeDirectory(directory);
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

/** An empty directory that is gone when the tests are. Its path is short: that of a socket in it has at most 107 bytes. */
export const makeDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'bauta-'));
  directories.add(directory);
  return directory;
};

/** Removes what `makeDirectory` made. */
export const removeDirectory = (directory: string): void => {
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  directories.delete(directory);
};

/** A program that runs until it is stopped. */
export class Running {
  stdout = '';
  stderr = '';
  readonly ended: Promise<Output>;
  readonly #child: ChildProcess;
  readonly #name: string;

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#name = `${command} ${args.join(' ')}`;
    this.#child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    started.add(this.#child);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code) => {
        started.delete(this.#child);
        resolve({ stdout: this.stdout, stderr: this.stderr, code });
      });
    });
    // Whoever waits for the end sees the error; nobody has to wait.
    this.ended.catch(() => started.delete(this.#child));
  }

  /** Throws if it has ended on its own. */
  assertRunning(): void {
    if (!started.has(this.#child)) throw new Error(`ended by itself: ${this.#name}\n${this.stderr}`);
  }

  /** Suspends it (SIGSTOP), or lets it continue. */
  freeze(frozen: boolean): void {
    this.#child.kill(frozen ? 'SIGSTOP' : 'SIGCONT');
  }

  /** Ends it. When it does not go in time, it is killed, and that is an error. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<Output> {
    this.#child.kill(signal);
    this.freeze(false);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#child.kill('SIGKILL');
    }, PATIENCE * 1000);
    const output = await this.ended.finally(() => clearTimeout(timer));
    if (late) throw new Error(`does not end on ${signal}: ${this.#name}\n${this.stderr}`);
    return output;
  }
}

/** Runs a program to its end. */
export const run = (command: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Output> =>
  new Running(command, args, env).ended;
