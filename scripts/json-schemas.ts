// driven: writes docs/spec/local-api.schema.json: the bodies and results of the local API, which are also the `--json` results.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  auditBody,
  auditResult,
  downloadBody,
  getResult,
  infoResult,
  jobLine,
  jobsResult,
  listResult,
  peersResult,
  problemSchema,
  putBody,
  putResult,
  releaseResult,
  statusResult,
} from '@batchain/participant/client';
import { z } from 'zod';

const PATH = fileURLToPath(new URL('../docs/spec/local-api.schema.json', import.meta.url));

const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  'body-put': putBody,
  'body-download': downloadBody,
  'body-audit': auditBody,
  status: statusResult,
  peers: peersResult,
  list: listResult,
  info: infoResult,
  put: putResult,
  get: getResult,
  audit: auditResult,
  rm: releaseResult,
  jobs: jobsResult,
  'job-line': jobLine,
  problem: problemSchema,
};

/** One document; each shape under `$defs`. */
export function formatJsonSchemas(): string {
  const defs = Object.entries(SCHEMAS).map(([name, schema]) => {
    const { $schema: _, ...shape } = z.toJSONSchema(schema, { io: name.startsWith('body-') ? 'input' : 'output' });
    return [name, shape] as const;
  });
  const document = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'BatChain local API, version 1',
    description: 'Written by `npm run docs:schemas`. With --json the command line adds v, type, ts and command to each.',
    $defs: Object.fromEntries(defs),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(PATH, formatJsonSchemas());
