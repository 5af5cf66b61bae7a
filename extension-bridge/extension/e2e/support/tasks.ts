import type { Page } from 'playwright-core';

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** The longest task of any page's main thread, in milliseconds: of the processor, and by the clock, which a busy machine stretches. */
export interface Longest {
  readonly cpu: number;
  readonly wall: number;
}

/** Traces the browser while something happens: a task that is too long is one in which a page does not react. */
export const longestTask = async (page: Page, during: () => Promise<void>): Promise<Longest> => {
  const session = await page.context().newCDPSession(page);
  const events: TraceEvent[] = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['toplevel', '__metadata'], excludedCategories: ['*'] },
  });
  try {
    await during();
  } finally {
    await session.send('Tracing.end');
    await complete;
    await session.detach();
  }
  const main = new Set(
    events
      .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  const tasks = events.filter(
    ({ name, ph, pid, tid }) => ph === 'X' && name.endsWith('RunTask') && main.has(`${pid} ${tid}`),
  );
  if (tasks.length === 0) throw new Error('the browser traced no tasks');
  const most = (of: (task: TraceEvent) => number | undefined): number =>
    Math.round(tasks.reduce((longest, task) => Math.max(longest, of(task) ?? 0), 0) / 1000);
  return { cpu: most(({ tdur }) => tdur), wall: most(({ dur }) => dur) };
};
