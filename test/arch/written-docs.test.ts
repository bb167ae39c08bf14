import { formatJsonSchemas } from '@batchain/participant';
import { describe, expect, it } from 'vitest';
import { CALL_TIMEOUT_MS, DIAL_RUNG_MS, LADDER_PLAN } from '../../packages/participant/src/limits.ts';
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

describe('docs/NAT.md', () => {
  const text = readText('docs/NAT.md');
  const rowOf = (name: string): readonly string[] =>
    text
      .split('\n')
      .find((line) => line.startsWith(`| ${name}`))
      ?.split('|')
      .map((cell) => cell.trim()) ?? [];
  const inSeconds = (ms: number): string => `${ms / 1000} s`;

  it.each([
    ['local network', LADDER_PLAN.lanMs, []],
    ['dial the public address', DIAL_RUNG_MS, []],
    ['call through brokers', CALL_TIMEOUT_MS, [LADDER_PLAN.callHeadStartMs]],
    ['reverse', LADDER_PLAN.reverseMs, []],
    ['TCP simultaneous open', LADDER_PLAN.tcpPunchMs, [LADDER_PLAN.dialHeadStartMs]],
    ['data channel', LADDER_PLAN.channelMs, [LADDER_PLAN.channelHeadStartMs]],
    ['hand punch', LADDER_PLAN.handPunchMs, [LADDER_PLAN.dialHeadStartMs, LADDER_PLAN.doubtfulIceMs, LADDER_PLAN.handPunchHeadStartMs]],
    ['relay', LADDER_PLAN.relayMs, [LADDER_PLAN.relayHeadStartMs]],
  ])('BN-31 tells when each way is tried as the plan has it: %s', (name, budgetMs, startsMs) => {
    const [, , when, begins = '', budget] = rowOf(name);
    expect(budget).toBe(inSeconds(budgetMs));
    expect(when).not.toBe('');
    for (const startMs of startsMs) expect(begins).toContain(inSeconds(startMs));
  });

  it('BN-31 justifies the ways that were chosen, and tells what none of them opens', () => {
    expect(text).toMatch(/## Why these ways[\s\S]*TCP before UDP[\s\S]*Data channels[\s\S]*Relay first/);
    expect(text).toMatch(/## What is impossible without a relay\n\n\| pair \| why \|/);
  });
});

describe('docs/LIBRARY.md', () => {
  const text = readText('docs/LIBRARY.md');
  /** Names of an interface's members, as the source has them. */
  const membersOf = (path: string, name: string): string[] => {
    const [, body = ''] = new RegExp(`export interface ${name} \\{([\\s\\S]*?)^\\}`, 'm').exec(readText(path)) ?? [];
    return Array.from(body.matchAll(/^ {2}(?:readonly )?'?([\w-]+)'?\??:/gm), (match) => match[1] ?? '');
  };
  const rowsOf = (heading: string): string[] => {
    const [, table = ''] = text.split(heading);
    const [rows = ''] = table.split('\n\n');
    return rows.split('\n').flatMap((row) => Array.from((row.split('|')[1] ?? '').matchAll(/`([\w-]+)`/g), (match) => match[1] ?? ''));
  };

  it('tells every option of createParticipant, and none that there is not', () => {
    const options = membersOf('packages/participant/src/create-participant.ts', 'ParticipantOptions');
    expect(options).toContain('offerBytes');
    expect(rowsOf('| Option | By default | Meaning |')).toEqual(options);
  });

  it('tells every event of a participant, and none that there is not', () => {
    const events = membersOf('packages/participant/src/participant-events.ts', 'ParticipantEventMap');
    expect(events).toContain('shard-held');
    expect(rowsOf('| Event | With | When |').sort()).toEqual(events.sort());
  });
});
