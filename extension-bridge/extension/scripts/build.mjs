// Builds dist/chromium and dist/firefox from one code base. With the name of one of them, only that.
// `unguarded` makes dist/unguarded instead: posts open in a page as if a person had pressed everything. A test measures
// with it what a page would learn.
import { build } from 'esbuild';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { icon } from './icon.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const base = JSON.parse(readFileSync(join(root, 'static/manifest.json'), 'utf8'));
// The same file that the host checks its callers against.
const ids = JSON.parse(readFileSync(join(root, '../ids.json'), 'utf8'));
const FRAMES = { resources: ['post.html'], matches: ['https://*/*', 'http://*/*'] };

const manifests = {
  chromium: {
    ...base,
    version,
    minimum_chrome_version: '130',
    // Fixes the id of the unpacked extension.
    key: ids.chromium[0].key,
    permissions: [...base.permissions, 'sidePanel'],
    background: { service_worker: 'worker.js' },
    side_panel: { default_path: 'panel.html' },
    // A name for one session: a page cannot ask for it, so it cannot learn that the extension is there.
    web_accessible_resources: [{ ...FRAMES, use_dynamic_url: true }],
  },
  firefox: {
    ...base,
    version,
    background: { scripts: ['worker.js'] },
    sidebar_action: {
      default_title: 'Bauta',
      default_panel: 'panel.html',
      default_icon: base.icons,
      open_at_install: false,
    },
    web_accessible_resources: [FRAMES],
    browser_specific_settings: {
      gecko: {
        id: ids.firefox[0].id,
        strict_min_version: '142.0',
        data_collection_permissions: { required: ['none'] },
      },
    },
  },
};

const entries = {
  worker: 'src/worker/worker.ts',
  panel: 'src/panel/panel.ts',
  onboarding: 'src/onboarding/onboarding.ts',
  content: 'src/content/content.ts',
  post: 'src/frame/post.ts',
  compose: 'src/frame/compose.ts',
  readers: 'src/frame/readers.ts',
};

const only = process.argv[2];
const unguarded = only === 'unguarded';
for (const [name, manifest] of Object.entries(manifests)) {
  if (only !== undefined && (unguarded ? 'chromium' : only) !== name) continue;
  const out = join(root, 'dist', unguarded ? only : name);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: entries,
    outdir: out,
    bundle: true,
    format: 'iife',
    target: name === 'firefox' ? 'firefox142' : 'chrome130',
    charset: 'utf8',
    // Takes the other browser's branches out.
    define: { FIREFOX: String(name === 'firefox'), UNGUARDED: String(unguarded) },
    minifySyntax: true,
    legalComments: 'inline',
    logLevel: 'warning',
  });
  for (const file of readdirSync(join(root, 'static'))) {
    if (/\.(html|css)$/.test(file)) cpSync(join(root, 'static', file), join(out, file));
  }
  cpSync(join(root, '_locales'), join(out, '_locales'), { recursive: true });
  for (const size of [16, 48, 128]) writeFileSync(join(out, `icon-${size}.png`), icon(size));
  writeFileSync(join(out, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  const bytes = readdirSync(out)
    .filter((file) => file.endsWith('.js'))
    .reduce((sum, file) => sum + statSync(join(out, file)).size, 0);
  console.log(`dist/${unguarded ? only : name}: ${bytes} bytes of script`);
}
