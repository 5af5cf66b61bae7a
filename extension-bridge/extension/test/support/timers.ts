import type { Timers } from '../../src/worker/rpc.ts';

/** Timers that ring when a test says so. */
export class HandTimers implements Timers {
  readonly due = new Map<number, () => void>();
  #next = 1;
  set(run: () => void): number {
    this.due.set(this.#next, run);
    return this.#next++;
  }
  clear(id: number): void {
    this.due.delete(id);
  }
  ring(): void {
    for (const [id, run] of [...this.due]) {
      this.due.delete(id);
      run();
    }
  }
}
