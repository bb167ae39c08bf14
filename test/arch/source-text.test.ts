import { describe, expect, it } from 'vitest';
import { codeOf, importsOf, testTitlesOf } from './source-text.ts';

// The other files of this folder stand on this reader: what it overlooks, they overlook.
describe('reading source as text', () => {
  it('blanks comments and strings and keeps lines and code', () => {
    const text = ["const a = 'Date.now()'; // Date.now()", '/* Date', 'now */ const b = Date.now();'].join('\n');
    expect(codeOf(text).match(/Date/g)).toHaveLength(1);
    expect(codeOf(text).split('\n')[2]).toContain('const b = Date.now();');
  });

  it('sees code inside templates and nothing of their text', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text is the subject here.
    expect(codeOf('const a = `Date ${Date.now() + `${Math.random()} Date`} Date`; Date')).toMatch(
      /^const a = +Date\.now\(\) \+ +Math\.random\(\) +; Date$/,
    );
  });

  it('is not misled by quotes and slashes in regular expressions', () => {
    const text = "const a = /['\"/]/.test(b); const c = d / 2; // it's\nDate.now();";
    expect(codeOf(text)).toContain('const c = d / 2;');
    expect(codeOf(text)).toContain('Date.now();');
  });

  it('finds imports of every form and tells types from values', () => {
    const text = [
      "import { type A, b } from './one.ts';",
      "import type { C } from './two.ts';",
      "import { type D, type E } from './three.ts';",
      "import './four.ts';",
      'export {',
      '  f,',
      "} from './five.ts';",
      "export * from './six.ts';",
      "const g = await import('./seven.ts');",
      "const h = new Worker(new URL('./eight.ts', import.meta.url));",
      "// import { x } from './no.ts';",
    ].join('\n');
    const found = importsOf(text).map(({ specifier, isTypeOnly }) => `${specifier}${isTypeOnly ? ' type' : ''}`);
    expect(found.sort()).toEqual(
      ['./one.ts', './two.ts type', './three.ts type', './four.ts', './five.ts', './six.ts', './seven.ts', './eight.ts'].sort(),
    );
  });

  it('reads titles of tests, suites and tables of tests', () => {
    const text = [
      "it('BN-01 one', () => {});",
      'describe.each([1, 2])(`two $x`, f);',
      'it.skipIf(missing("tool"))("three", f);',
      "it.each(cases)('four', f)",
    ].join('\n');
    expect(testTitlesOf(text)).toEqual(['BN-01 one', 'two $x', 'three', 'four']);
  });
});
