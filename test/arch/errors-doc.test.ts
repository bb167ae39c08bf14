import { describe, expect, it } from 'vitest';
import { formatErrorsDoc } from '../../scripts/errors-doc.ts';
import { readText } from './source-tree.ts';

describe('docs/ERRORS.md', () => {
  it('is what the table of error codes says: `npm run docs:errors` writes it', () => {
    expect(readText('docs/ERRORS.md')).toBe(formatErrorsDoc());
  });
});
