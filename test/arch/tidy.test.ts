import { describe, expect, it } from 'vitest';
import { behindGroup, lineAt } from './source-text.ts';
import {
  at,
  listFiles,
  otherCode,
  type PackageFile,
  packageFiles,
  productFiles,
  readText,
  resolveRelative,
  type SourceFile,
} from './source-tree.ts';

interface Ban {
  readonly pattern: RegExp;
  /** What to write instead. */
  readonly instead: string;
}

const TIME = 'take the time from runtime.clock: nowMs() for the wall clock, monotonicMs() for durations';
const TIMER = 'use runtime.clock.setTimer(delayMs, fn) or sleep(ms, signal)';
const RANDOM = 'use runtime.random for choices, runtime.entropy for keys, nonces and challenges';

/** Ambient time, chance and order: with them a run could not be replayed from its seed. */
const AMBIENT: readonly Ban[] = [
  { pattern: /\bDate\b/g, instead: TIME },
  { pattern: /\bperformance\s*\.|\bhrtime\b/g, instead: TIME },
  { pattern: /(?<![.\w])(?:setTimeout|setInterval|setImmediate)\b/g, instead: TIMER },
  { pattern: /\bprocess\s*\.\s*nextTick\b/g, instead: TIMER },
  { pattern: /\bAbortSignal\s*\.\s*timeout\b/g, instead: 'use runtime.clock.timeoutSignal(ms)' },
  { pattern: /\bMath\s*\.\s*random\b/g, instead: RANDOM },
  { pattern: /\b(?:getRandomValues|randomBytes|randomUUID|randomInt|randomFill(?:Sync)?|generatePrime(?:Sync)?)\b/g, instead: RANDOM },
  { pattern: /\bgenerateKey(?:Pair)?(?:Sync)?\b/g, instead: 'import the key pair from runtime.entropy.bytes(32), see key-pair.ts' },
  { pattern: /\bsubtle\b/g, instead: 'use the synchronous functions of node:crypto: they are faster here and finish in order' },
  { pattern: /\blocaleCompare\b|\btoLocale\w+|\bIntl\b/g, instead: 'compare code units with < and >, format without a locale' },
  { pattern: /\bnode:timers\b/g, instead: TIMER },
];

/** The one place that is ambient on purpose, and the pump of the simulator, whose subject the event loop is. */
const isAmbient = (path: string): boolean =>
  path.startsWith('packages/shared/src/node/') || path === 'packages/shared/src/testing/macro-turns.ts';

/** Node modules without effect on anything outside. */
const PURE_MODULES = new Set([
  'node:crypto',
  'node:path',
  'node:url',
  'node:util',
  'cborg',
  'zod',
  'lru-cache',
  'string-width',
  'fastest-levenshtein',
  'smol-toml',
]);
/** `isIP` and its siblings read text only. */
const PURE_BY_EXCEPTION = new Set(['packages/shared/src/net/address.ts node:net']);

const LINES_MAX = 450;

const hits = (file: SourceFile, { pattern, instead }: Ban): string[] =>
  Array.from(file.code.matchAll(pattern), (match) => at(file, lineAt(file.code, match.index), `\`${match[0]}\`: ${instead}`));

const headerKind = (file: SourceFile): 'pure' | 'driven' | undefined => {
  const kind = /^(?:#!.*\n)?\/\/ (pure|driven): \S/.exec(file.text)?.[1];
  return kind as 'pure' | 'driven' | undefined;
};

const allCode = (): SourceFile[] => [...packageFiles(), ...otherCode()];

/** Prose and code that people wrote: everything but generated files and data. */
const written = (): { readonly path: string; readonly text: string }[] =>
  listFiles('')
    .filter((path) => /\.(?:ts|mjs|md|json|toml|yaml)$|^\.ci\//.test(path) && path !== 'package-lock.json')
    .map((path) => ({ path, text: readText(path) }));

function wrongWords(pattern: RegExp, message: string): string[] {
  return written().flatMap(({ path, text }) =>
    Array.from(text.matchAll(pattern), (match) => `${path}:${lineAt(text, match.index)}: "${match[0]}": ${message}`),
  );
}

describe('deterministic packages', () => {
  it('take time, timers, chance and order from the runtime', () => {
    const files = packageFiles().filter((file) => !file.isTest && !isAmbient(file.path));
    expect(files.flatMap((file) => AMBIENT.flatMap((ban) => hits(file, ban)))).toEqual([]);
  });

  it('speak through the logger; only the command line prints', () => {
    const ban = { pattern: /\bconsole\s*\./g, instead: 'use runtime.log; people are spoken to by packages/cli' };
    expect(
      productFiles()
        .filter((file) => file.package !== 'cli')
        .flatMap((file) => hits(file, ban)),
    ).toEqual([]);
  });
});

describe('each source file', () => {
  it('says in its first line whether it is pure or driven, and what it is for', () => {
    const wrong = productFiles().filter((file) => headerKind(file) === undefined);
    expect(wrong.map((file) => at(file, 1, 'begin with `// pure: ...` or `// driven: ...`'))).toEqual([]);
  });

  it('that is pure imports nothing driven and no I/O', () => {
    const byPath = new Map(productFiles().map((file) => [file.path, file]));
    const wrong = productFiles()
      .filter((file) => headerKind(file) === 'pure')
      .flatMap((file) =>
        file.imports.flatMap(({ specifier, isTypeOnly, line }) => {
          if (isTypeOnly) return [];
          const target = specifier.startsWith('.') ? byPath.get(resolveRelative(file, specifier)) : undefined;
          if (target !== undefined && headerKind(target) === 'driven')
            return [at(file, line, `a pure file imports the driven ${target.inPackage}: split it, or call it driven`)];
          const isInside = specifier.startsWith('.') || /^@batchain\/[a-z-]+$/.test(specifier);
          if (isInside || PURE_MODULES.has(specifier) || PURE_BY_EXCEPTION.has(`${file.path} ${specifier}`)) return [];
          return [at(file, line, `a pure file imports ${specifier}: pass in what it gives, or call the file driven`)];
        }),
      );
    expect(wrong).toEqual([]);
  });

  it('that is pure does not wait', () => {
    const ban = {
      pattern: /\b(?:await|async)\b|\bnew\s+Promise\b/g,
      instead: 'a pure file takes values and returns values; leave waiting to a driven one',
    };
    expect(
      productFiles()
        .filter((file) => headerKind(file) === 'pure')
        .flatMap((file) => hits(file, ban).slice(0, 1)),
    ).toEqual([]);
  });

  it(`SH-01 has at most ${LINES_MAX} lines`, () => {
    const long = allCode().flatMap((file) => {
      const lines = file.text.trimEnd().split('\n').length;
      return lines > LINES_MAX ? [at(file, lines, `${lines} lines: take out the part that has a name of its own (aim at 200)`)] : [];
    });
    expect(long).toEqual([]);
  });

  it('is no inner index.ts', () => {
    const entries = new Set(['index.ts', 'node/index.ts', 'testing/index.ts']);
    const inner = packageFiles().filter((file) => /(?:^|\/)index\.ts$/.test(file.inPackage) && !entries.has(file.inPackage));
    expect(inner.map((file) => at(file, 1, 'import the files themselves; barrels make cycles'))).toEqual([]);
  });

  it('is reachable from an entry of its package', () => {
    const files = new Map(productFiles().map((file) => [file.path, file]));
    const reached = new Set<string>();
    const reach = (file: PackageFile | undefined): void => {
      if (file === undefined || reached.has(file.path)) return;
      reached.add(file.path);
      for (const { specifier } of file.imports) {
        if (specifier.startsWith('.')) reach(files.get(resolveRelative(file, specifier).replace(/\.js$/, '.ts')));
      }
    };
    for (const [path, file] of files) {
      if (/^packages\/[^/]+\/src\/(?:(?:node\/|testing\/)?index|main|sample-main|simulation)\.ts$/.test(path)) reach(file);
    }
    const dead = [...files.values()].filter((file) => !reached.has(file.path));
    expect(dead.map((file) => at(file, 1, 'no entry leads here: use it or remove it'))).toEqual([]);
  });
});

describe('control flow', () => {
  it('BN-10 waits with async and await, without callbacks inside callbacks', () => {
    const nested = productFiles().flatMap((file) =>
      Array.from(file.code.matchAll(/\.then\(/g)).flatMap(({ index }) => {
        const inner = file.code.slice(index + 6, behindGroup(file.code, index + 5));
        return /\.then\(/.test(inner)
          ? [at(file, lineAt(file.code, index), 'a then inside a then: make it an async function with await')]
          : [];
      }),
    );
    const classic = productFiles().flatMap((file) =>
      hits(file, {
        pattern: /\(\s*(?:err|error)\s*,\s*\w+\s*\)\s*=>/g,
        instead: 'wrap the callback once in a promise, in the adapter that needs it',
      }),
    );
    expect([...nested, ...classic]).toEqual([]);
  });
});

describe('tests', () => {
  it('SH-14 stand beside the code in every folder of every package', () => {
    const folder = (file: PackageFile): string => file.path.slice(0, file.path.lastIndexOf('/'));
    const tested = new Set(
      packageFiles()
        .filter(({ isTest }) => isTest)
        .map(folder),
    );
    const bare = [...new Set(productFiles().map(folder))].filter((path) => !tested.has(path) && !/\/src$/.test(path));
    expect(bare.map((path) => `${path}: no test stands beside this code`)).toEqual([]);
  });

  it('are never narrowed to one', () => {
    const ban = { pattern: /\b(?:it|test|describe)\.only\b/g, instead: 'remove .only before you commit' };
    expect(allCode().flatMap((file) => hits(file, ban))).toEqual([]);
  });
});

describe('what is written', () => {
  it('leaves no note to do something later', () => {
    const words = ['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|');
    const phrases = ['for' + ' now', 'place' + 'holder', 'not yet ' + 'implemented'].join('|');
    expect(wrongWords(new RegExp(`\\b(?:${words})\\b|\\b(?:${phrases})\\b`, 'g'), 'do it, or open an issue')).toEqual([]);
  });

  it('points at nothing that a reader of the repository does not have', () => {
    const outside = ['design' + ' section', 'building' + ' block \\d', '(?<![\\w/-])(?:design|threats)' + '\\.md'].join('|');
    expect(wrongWords(new RegExp(outside, 'g'), 'say it here, or link to docs/')).toEqual([]);
  });

  it('names no path of one machine', () => {
    expect(
      wrongWords(
        /(?<![\w.~-])\/(?:work|root|Users|home\/(?!ana\b|bo\b))\/?[\w-]+/g,
        'use a path relative to the repository or a temporary folder',
      ),
    ).toEqual([]);
  });
});
