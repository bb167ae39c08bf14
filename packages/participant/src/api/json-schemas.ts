// pure: the bodies and results of the local API as one JSON Schema document; they are also the `--json` results.
import { z } from 'zod';
import {
  auditBody,
  auditResult,
  doctorResult,
  downloadBody,
  getResult,
  infoResult,
  jobLine,
  jobsResult,
  listResult,
  peersResult,
  putBody,
  putResult,
  releaseResult,
  statusResult,
  whyResult,
} from './api-schemas.ts';
import {
  dhtFindBody,
  dhtFindResult,
  dhtPingBody,
  dhtPingResult,
  dhtRoutesResult,
  dhtSizeResult,
  dhtTraceBody,
  dhtTraceResult,
} from './dht-schemas.ts';
import { leaveBody, leaveResult, membershipResult, rejoinResult } from './membership-schemas.ts';
import { joinBody, networkFindBody, networkFindResult, networkJoinResult } from './network-schemas.ts';
import { problemSchema } from './problem.ts';
import { serveHttpBody, serveReady } from './serve-schemas.ts';
import {
  valueByHashBody,
  valueDigestBody,
  valueDigested,
  valueFound,
  valueList,
  valuePutBody,
  valueRead,
  valueRemoveBody,
  valueRemoved,
  valueSaveBody,
  valueSaved,
  valueStored,
} from './values-schemas.ts';

const BODIES: Readonly<Record<string, z.ZodType>> = {
  'body-put': putBody,
  'body-download': downloadBody,
  'body-audit': auditBody,
  'body-dht-find': dhtFindBody,
  'body-dht-ping': dhtPingBody,
  'body-dht-trace': dhtTraceBody,
  'body-join': joinBody,
  'body-leave': leaveBody,
  'body-network-find': networkFindBody,
  'body-serve-http': serveHttpBody,
  'body-kv-put': valuePutBody,
  'body-kv-put-by-hash': valueByHashBody,
  'body-kv-save': valueSaveBody,
  'body-kv-rm': valueRemoveBody,
  'body-kv-digest': valueDigestBody,
};
const RESULTS: Readonly<Record<string, z.ZodType>> = {
  status: statusResult,
  peers: peersResult,
  why: whyResult,
  doctor: doctorResult,
  list: listResult,
  info: infoResult,
  put: putResult,
  get: getResult,
  audit: auditResult,
  rm: releaseResult,
  'dht-size': dhtSizeResult,
  'dht-find': dhtFindResult,
  'dht-ping': dhtPingResult,
  'dht-routes': dhtRoutesResult,
  'dht-trace': dhtTraceResult,
  join: networkJoinResult,
  leave: leaveResult,
  membership: membershipResult,
  rejoin: rejoinResult,
  'network-find': networkFindResult,
  'kv-put': valueStored,
  'kv-get': valueFound,
  'kv-read': valueRead,
  'kv-save': valueSaved,
  'kv-digest': valueDigested,
  'kv-rm': valueRemoved,
  'kv-ls': valueList,
  jobs: jobsResult,
  'serve-ready': serveReady,
  'job-line': jobLine,
  problem: problemSchema,
};

function definitions(schemas: Readonly<Record<string, z.ZodType>>, io: 'input' | 'output'): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      const { $schema: _, ...shape } = z.toJSONSchema(schema, { io });
      return [name, shape];
    }),
  );
}

/** The text of docs/spec/local-api.schema.json; each shape stands under `$defs`. */
export function formatJsonSchemas(): string {
  const document = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'BatChain local API, version 1',
    description: 'Written by `npm run docs:schemas`. With --json the command line adds v, type, ts and command to each.',
    $defs: { ...definitions(BODIES, 'input'), ...definitions(RESULTS, 'output') },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
