// Builds the extension, bundles the browser tests, and runs them one file after another.
// With names, only those: `node scripts/e2e.mjs panel page`.
// `--measure` prints times and sizes instead.
// `guard --trials 400` plays its games at length.
// `looks --keep` copies the pictures that the README shows to docs/screenshots.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const KEEP = '--keep';
const MEASURE = '--measure';
const TRIALS = '--trials';
const SUFFIX = '.e2e.ts';
const root = fileURLToPath(new URL('..', import.meta.url));
const known = readdirSync(join(root, 'e2e'))
  .filter((name) => name.endsWith(SUFFIX))
  .map((name) => name.slice(0, -SUFFIX.length));
const args = process.argv.slice(2);
const trials = args.indexOf(TRIALS);
if (trials !== -1) [, process.env.BAUTA_TRIALS] = args.splice(trials, 2);
const wanted = args.filter((name) => name !== KEEP && name !== MEASURE);
const measure = process.argv.includes(MEASURE);
if (process.argv.includes(KEEP)) process.env.BAUTA_KEEP_SCREENSHOTS = '1';
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`no such test: ${unknown.join(', ')}; there are ${known.join(', ')}`);
  process.exit(1);
}
const names = wanted.length > 0 ? wanted : known;

const runNode = (...args) => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1;

if (runNode(join(root, 'scripts/build.mjs')) !== 0) process.exit(1);
if (names.includes('guard') && runNode(join(root, 'scripts/build.mjs'), 'unguarded') !== 0) process.exit(1);
// Pictures of failures are of this run.
rmSync(join(root, 'dist/failures'), { recursive: true, force: true });
const out = mkdtempSync(join(root, 'node_modules', '.e2e-'));
let status = 1;
try {
  await build({
    entryPoints: measure ? [join(root, 'e2e/measure.ts')] : names.map((name) => join(root, 'e2e', `${name}${SUFFIX}`)),
    outdir: out,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  status = measure
    ? runNode('--enable-source-maps', join(out, 'measure.mjs'))
    : runNode(
        '--enable-source-maps',
        '--experimental-websocket',
        '--test',
        '--test-concurrency=1',
        ...names.map((name) => join(out, `${name}.e2e.mjs`)),
      );
} finally {
  rmSync(out, { recursive: true, force: true });
}
process.exit(status);
