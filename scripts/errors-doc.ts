// driven: writes docs/ERRORS.md from the table of error codes; `--check` only says whether it is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ERROR_CODES, EXIT_MEANINGS } from '@batchain/shared';

const PATH = fileURLToPath(new URL('../docs/ERRORS.md', import.meta.url));

/** The whole document. */
export function formatErrorsDoc(): string {
  const codes = Object.entries(ERROR_CODES).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    '# Error codes',
    '',
    'Written by `npm run docs:errors` from `packages/shared/src/core/error-codes.ts`; change that table, not this page.',
    'The same text comes from `batchain explain CODE`. With `--json` a failed command ends in one line',
    '`{"type":"error","code","what","why","fix","exit"}`; problem bodies of the local API carry the same fields.',
    '',
    '## Exit codes',
    '',
    '| Exit | Meaning | Codes |',
    '| --- | --- | --- |',
    ...Object.entries(EXIT_MEANINGS).map(([exit, meaning]) => {
      const named = codes.filter(([, info]) => info.exit === Number(exit)).map(([code]) => `\`${code}\``);
      return `| ${exit} | ${meaning} | ${named.join(', ')} |`;
    }),
    '',
    '## Codes',
    '',
    ...codes.flatMap(([code, { exit, meaning, cause, fix }]) => [
      `### ${code}`,
      '',
      meaning,
      '',
      `- exit code: ${exit}`,
      `- usual cause: ${cause}`,
      `- what helps: ${fix}`,
      '',
    ]),
  ].join('\n');
}

const isMain = process.argv[1] === fileURLToPath(import.meta.url);
if (isMain && process.argv.includes('--check')) {
  if (readFileSync(PATH, 'utf8') !== formatErrorsDoc()) {
    console.error('docs/ERRORS.md is not up to date: npm run docs:errors');
    process.exitCode = 1;
  }
} else if (isMain) writeFileSync(PATH, formatErrorsDoc());
