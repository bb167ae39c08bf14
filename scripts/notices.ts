// driven: writes packages/cli/NOTICE: the licences of everything that the tarball of the command line ships.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleTree, licenseText, ROOT } from './bundle-tree.ts';

export const NOTICE_PATH: string = join(ROOT, 'packages', 'cli', 'NOTICE');

/** Compiled into the prebuilt binaries of classic-level and node-datachannel, which ship no texts for them. */
const COMPILED_IN: readonly (readonly [title: string, file: string])[] = [
  ['LevelDB, in classic-level (BSD-3-Clause)', 'node_modules/classic-level/deps/leveldb/leveldb-1.20/LICENSE'],
  ['Snappy, in classic-level (BSD-3-Clause)', 'node_modules/classic-level/deps/snappy/snappy/COPYING'],
  ['libdatachannel, libjuice and plog, in node-datachannel (MPL-2.0)', 'scripts/licences/mpl-parts.txt'],
  ['usrsctp, in node-datachannel (BSD-3-Clause)', 'scripts/licences/usrsctp.txt'],
  ['libSRTP, in node-datachannel (BSD-3-Clause)', 'scripts/licences/libsrtp.txt'],
  ['OpenSSL 1.1.1, in node-datachannel (OpenSSL)', 'scripts/licences/openssl.txt'],
];

/** Native parts for one platform each: under the licence of the package that they are built from, which stands there anyhow. */
const PLATFORM_PARTS = '@node-datachannel/';

export function formatNotices(): string {
  const shipped = new Map(
    bundleTree()
      .filter((entry) => !entry.isOurs && !entry.place.startsWith(PLATFORM_PARTS))
      .map((entry) => [`${entry.manifest.name} ${entry.manifest.version}`, entry]),
  );
  const sections = [...shipped].map(([title, { manifest, folder }]) => {
    const text = licenseText(folder) ?? `No licence file is shipped with it; its package.json says ${manifest.license ?? 'nothing'}.`;
    return ['-'.repeat(80), `${title} (${manifest.license ?? 'licence unknown'})`, '', text, ''].join('\n');
  });
  const compiled = COMPILED_IN.map(([title, file]) =>
    ['-'.repeat(80), title, '', readFileSync(join(ROOT, file), 'utf8').trim(), ''].join('\n'),
  );
  return [
    'BatChain is under the MIT licence, see LICENSE. Its installation contains the packages below, each under its own licence.',
    'Written by `npm run docs:notices`.',
    '',
    ...sections,
    ...compiled,
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(NOTICE_PATH, formatNotices());
