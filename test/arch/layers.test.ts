import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { at, otherCode, type PackageFile, packageFiles, packageNames, productFiles, ROOT, resolveRelative } from './source-tree.ts';

/** Which packages each package may import: shared <- kad-node, bat-node <- participant <- lab <- cli. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  'kad-node': ['shared'],
  'bat-node': ['shared'],
  participant: ['shared', 'kad-node', 'bat-node'],
  lab: ['shared', 'kad-node', 'bat-node', 'participant'],
  cli: ['shared', 'participant', 'lab'],
};

/**
 * Folders and root files of a package from bottom to top: a file imports from its own entry and from entries before it. What stands in
 * one row does not know one another. `base` files name what a package needs, offers and limits: everybody may import them, and they may
 * import types from anywhere.
 */
const LAYERS: Readonly<Record<string, { readonly base: readonly string[]; readonly order: readonly (readonly string[])[] }>> = {
  shared: { base: [], order: [['core'], ['codec'], ['net'], ['runtime'], ['identity'], ['node', 'testing']] },
  'kad-node': {
    base: ['limits.ts', 'kad-config.ts', 'kad-events.ts', 'kad-node-api.ts'],
    order: [
      ['routing'],
      ['records'],
      ['wire'],
      ['rpc'],
      ['lookup'],
      ['broker'],
      ['handlers'],
      ['kad-assembly.ts'],
      ['kad-stats.ts'],
      ['kad-node.ts'],
    ],
  },
  'bat-node': {
    base: ['ids.ts', 'limits.ts', 'ports.ts', 'bat-node-api.ts', 'flow/flow-types.ts'],
    order: [
      ['pipeline'],
      ['manifest'],
      ['placement'],
      ['workers'],
      ['wire'],
      ['storage', 'connection'],
      ['relay'],
      ['tunnel'],
      ['transfer'],
      ['audit'],
      ['flow'],
      ['bat-node.ts'],
    ],
  },
  participant: {
    base: ['limits.ts', 'local-node.ts', 'version.ts'],
    order: [
      ['config'],
      ['home'],
      ['values'],
      ['api'],
      ['client.ts'],
      ['gateway'],
      ['adapters', 'participant-events.ts'],
      ['dht', 'leaving'],
      ['reach'],
      ['participant-config.ts'],
      ['participant-report.ts'],
      ['participant.ts'],
      ['create-participant.ts'],
      ['daemon.ts'],
    ],
  },
  lab: {
    base: ['limits.ts', 'lab-types.ts'],
    order: [
      ['faults'],
      ['files'],
      ['node-words.ts', 'in-flight.ts', 'start-process.ts'],
      ['program.ts'],
      ['process', 'simulation'],
      ['lab.ts', 'simulation.ts'],
    ],
  },
  cli: { base: [], order: [] },
};

/** Beside the layers: built on the package's ports alone, imported by none of its folders. */
const BESIDE: Readonly<Record<string, readonly string[]>> = { 'kad-node': ['transport'] };

/** Types that reach upwards, each with its reason. One that no file needs any more fails the test. */
const EXCEPTIONS: readonly { readonly from: string; readonly to: string; readonly reason: string }[] = [
  {
    from: 'shared/net/connection.ts',
    to: 'shared/identity/node-id.ts',
    reason: 'a connection is authenticated to a node id; the brand is a type only',
  },
];

/**
 * Who may import which module. `any` is harmless everywhere in the packages; all else is a resource or a library that is kept behind
 * one file, so that it can be replaced and simulated. Paths are prefixes below `packages`.
 */
const MODULES: Readonly<Record<string, 'any' | readonly string[]>> = {
  'node:crypto': 'any',
  'node:events': 'any',
  'node:path': 'any',
  'node:url': 'any',
  'node:util': 'any',
  ws: ['bat-node/src/connection/ws-transport.ts', 'bat-node/src/connection/ws-upgrade.ts', 'bat-node/src/connection/ws-connection.ts'],
  'node:dgram': ['kad-node/src/transport/udp-socket.ts', 'participant/src/reach/guarded-mdns-socket.ts'],
  'node-datachannel': ['bat-node/src/connection/webrtc-transport.ts'],
  'node:tls': ['bat-node/src/connection/'],
  'node:https': ['bat-node/src/connection/ws-upgrade.ts'],
  'node:stream': ['bat-node/src/connection/', 'participant/src/api/', 'cli/src/'],
  'node:http': ['participant/src/api/', 'participant/src/gateway/'],
  'node:net': [
    'bat-node/src/connection/ws-transport.ts',
    'bat-node/src/connection/tcp-punch.ts',
    'participant/src/api/',
    'shared/src/net/address.ts',
    'cli/src/shell/listener-check.ts',
    'lab/src/process/free-ports.ts',
    'lab/src/simulation/',
  ],
  'node:fs': ['shared/src/node/pino-logger.ts', 'bat-node/src/storage/', 'participant/src/', 'lab/src/', 'cli/src/'],
  'node:fs/promises': ['bat-node/src/storage/', 'participant/src/', 'cli/src/'],
  'node:os': ['participant/src/', 'cli/src/'],
  'node:child_process': ['participant/src/', 'lab/src/start-process.ts', 'cli/src/'],
  'node:readline': ['lab/src/start-process.ts', 'cli/src/'],
  'node:readline/promises': ['cli/src/prompt.ts'],
  'node:dns/promises': ['participant/src/adapters/'],
  'p-limit': ['kad-node/src/lookup/', 'bat-node/src/'],
  cborg: ['shared/src/codec/cbor.ts'],
  'lru-cache': ['shared/src/identity/key-pair.ts', 'kad-node/src/', 'bat-node/src/'],
  pino: ['shared/src/node/pino-logger.ts'],
  '@achingbrain/nat-port-mapper': ['participant/src/reach/upnp-client.ts'],
  'bonjour-service': ['participant/src/reach/lan-link.ts'],
  'classic-level': ['bat-node/src/storage/level-key-value-store.ts'],
  tinypool: ['bat-node/src/workers/thread-stage-pool.ts'],
  'smol-toml': ['participant/src/config/config-file.ts'],
  'env-paths': ['participant/src/home/system-surroundings.ts'],
  zod: ['participant/src/', 'lab/src/', 'cli/src/'],
  yargs: ['cli/src/'],
  'string-width': ['cli/src/'],
  'fastest-levenshtein': ['cli/src/'],
};

const names = packageNames();
const folderOf = new Map(Array.from(names, ([folder, name]) => [name, folder]));

/** `@batchain/shared/node` -> [`shared`, `./node`]; undefined for what is no package of ours. */
function ownPackage(specifier: string): readonly [folder: string, entry: string] | undefined {
  for (const [name, folder] of folderOf) {
    if (specifier === name) return [folder, '.'];
    if (specifier.startsWith(`${name}/`)) return [folder, `.${specifier.slice(name.length)}`];
  }
  return undefined;
}

const entriesOf = (folder: string): string[] => {
  const text = readFileSync(join(ROOT, 'packages', folder, 'package.json'), 'utf8');
  return Object.keys((JSON.parse(text) as { readonly exports: Record<string, unknown> }).exports);
};

describe('packages', () => {
  it('SH-01 import one another in one direction only', () => {
    const wrong = packageFiles().flatMap((file) =>
      file.imports.flatMap(({ specifier, line }) => {
        const own = ownPackage(specifier);
        if (own === undefined || own[0] === file.package) return [];
        const isTesting = own[0] === 'shared' && own[1] === './testing' && file.package !== 'lab';
        if (isTesting && !file.isTest)
          return [at(file, line, 'simulated adapters are for tests, demos and the laboratory: take the port, let the caller choose')];
        if (PACKAGES[file.package]?.includes(own[0])) return [];
        return [
          at(
            file,
            line,
            `${file.package} may import ${PACKAGES[file.package]?.join(', ') || 'no package'}, not ${own[0]}: declare a port in ports.ts and let participant compose`,
          ),
        ];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('are imported through their public entries, by name', () => {
    const files = [...packageFiles(), ...otherCode()];
    const wrong = files.flatMap((file) =>
      file.imports.flatMap(({ specifier, line }) => {
        const own = ownPackage(specifier);
        if (own !== undefined && !entriesOf(own[0]).includes(own[1]))
          return [at(file, line, `${specifier} is no public entry; export what is needed from its index.ts`)];
        if (!specifier.startsWith('.') || !file.path.startsWith('packages/')) return [];
        const target = resolveRelative(file, specifier);
        return target.startsWith(file.path.split('/').slice(0, 2).join('/'))
          ? []
          : [at(file, line, `${specifier} leaves the package: import it by its name`)];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('are all known here', () => {
    expect([...names.keys()].sort()).toEqual(Object.keys(PACKAGES).sort());
  });
});

describe('layers inside a package', () => {
  const topOf = (path: string): string => (path.includes('/') ? (path.split('/')[0] ?? '') : path);
  const usedExceptions = new Set<string>();

  const judge = (file: PackageFile): string[] => {
    const rules = LAYERS[file.package];
    if (rules === undefined || file.inPackage === 'index.ts') return [];
    const beside = BESIDE[file.package] ?? [];
    const rank = (top: string): number => rules.order.findIndex((row) => row.includes(top));
    const from = topOf(file.inPackage);
    const isBase = rules.base.includes(from) || rules.base.includes(file.inPackage);
    if (rules.order.length === 0) return [];
    if (!isBase && !beside.includes(from) && rank(from) < 0)
      return [at(file, 1, `${from} stands in no layer of ${file.package}: give it a place in test/arch/layers.test.ts`)];
    return file.imports.flatMap(({ specifier, isTypeOnly, line }) => {
      if (!specifier.startsWith('.')) return [];
      const target = resolveRelative(file, specifier).split('/').slice(3).join('/');
      const to = topOf(target);
      if (to === from || rules.base.includes(to) || rules.base.includes(target)) return [];
      if (isBase && isTypeOnly) return [];
      const exception = EXCEPTIONS.find(
        (one) => one.from === `${file.package}/${file.inPackage}` && one.to === `${file.package}/${target}` && isTypeOnly,
      );
      if (exception !== undefined) {
        usedExceptions.add(exception.from + exception.to);
        return [];
      }
      if (to === 'index.ts') return [at(file, line, 'import the file itself: index.ts is for other packages')];
      if (isBase) return [at(file, line, `${from} is below all layers and may import only types from ${to}`)];
      if (beside.includes(to)) return [at(file, line, `${to} stands beside the layers: take the port, participant passes the adapter`)];
      const isBelow = beside.includes(from) ? rank(to) >= 0 : rank(to) >= 0 && rank(to) < rank(from);
      if (isBelow) return [];
      const order = rules.order.map((row) => row.join(' | ')).join(' < ');
      return [at(file, line, `${from} imports ${to}, against the order ${order}: move what both need down, or take it as a parameter`)];
    });
  };

  it('import only what is below them', () => {
    expect(productFiles().flatMap(judge)).toEqual([]);
  });

  it('have no exception that nobody needs', () => {
    productFiles().flatMap(judge);
    expect(EXCEPTIONS.filter(({ from, to }) => !usedExceptions.has(from + to))).toEqual([]);
  });
});

describe('modules from outside', () => {
  it('are imported where they have their place', () => {
    const wrong = productFiles().flatMap((file) =>
      file.imports.flatMap(({ specifier, isTypeOnly, line }) => {
        if (specifier.startsWith('.') || ownPackage(specifier) !== undefined || isTypeOnly) return [];
        const name = specifier.startsWith('node:')
          ? specifier
          : specifier
              .split('/')
              .slice(0, specifier.startsWith('@') ? 2 : 1)
              .join('/');
        const allowed = MODULES[name];
        if (allowed === 'any') return [];
        if (allowed === undefined)
          return [
            at(
              file,
              line,
              `nobody has decided who may import ${name}: use a library that is here, or add a row to MODULES with its one importer`,
            ),
          ];
        if (allowed.some((prefix) => file.path.startsWith(`packages/${prefix}`))) return [];
        return [at(file, line, `only ${allowed.join(', ')} may import ${name}: use the port that it stands behind`)];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('stand in MODULES only while somebody imports them', () => {
    const imported = new Set(productFiles().flatMap((file) => file.imports.map(({ specifier }) => specifier)));
    const unused = Object.keys(MODULES).filter((name) => ![...imported].some((one) => one === name || one.startsWith(`${name}/`)));
    expect(unused).toEqual([]);
  });
});
