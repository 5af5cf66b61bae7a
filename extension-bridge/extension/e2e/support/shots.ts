import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AxeResults } from 'axe-core';
import type { Frame, Page } from 'playwright-core';
import { ROOT } from './processes.ts';

const AXE = readFileSync(createRequire(join(ROOT, 'package.json')).resolve('axe-core/axe.min.js'), 'utf8');

/** Elements in somebody else's page have that page's headings. */
const PART = { rules: { 'page-has-heading-one': { enabled: false } } };

/** Runs axe-core on a page, or on a frame of another origin, and fails on a violation. */
export const checkAccessibility = async (page: Page | Frame, name: string): Promise<void> => {
  const session = await ('context' in page ? page : page.page()).context().newCDPSession(page);
  // Not through the page's own `eval`: its policy allows none.
  const run = async (expression: string): Promise<unknown> => {
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined)
      throw new Error(`axe-core: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    return result.value;
  };
  try {
    await run(`${AXE};undefined`);
    const violations = (await run(
      `axe.run(document, ${JSON.stringify('context' in page ? {} : PART)}).then((results) => results.violations)`,
    )) as AxeResults['violations'];
    const found = violations.map(
      (violation) =>
        `${violation.id}: ${violation.nodes.map((node) => `${node.target.join(' ')} (${node.failureSummary ?? ''})`).join(', ')}`,
    );
    assert.deepEqual(found, [], `axe-core on ${name}`);
  } finally {
    await session.detach();
  }
};

/** A picture of the page in `dist/screenshots`, and a check of its accessibility. */
export const shot = async (page: Page, name: string): Promise<void> => {
  const dir = join(ROOT, 'dist/screenshots');
  mkdirSync(dir, { recursive: true });
  await page.screenshot({ path: join(dir, `${name}.png`), animations: 'disabled' });
  await checkAccessibility(page, name);
};
