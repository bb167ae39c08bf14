import { formatJsonSchemas } from '@batchain/participant';
import { describe, expect, it } from 'vitest';
import { formatErrorsDoc } from '../../scripts/errors-doc.ts';
import { readText } from './source-tree.ts';

describe('docs/ERRORS.md', () => {
  it('is what the table of error codes says: `npm run docs:errors` writes it', () => {
    expect(readText('docs/ERRORS.md')).toBe(formatErrorsDoc());
  });
});

describe('docs/spec/local-api.schema.json', () => {
  it('is what the schemas of the local API say: `npm run docs:schemas` writes it', () => {
    expect(JSON.parse(readText('docs/spec/local-api.schema.json'))).toEqual(JSON.parse(formatJsonSchemas()));
  });
});
