import { nodeIdFromPublicKey } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import type { ShardId } from '../ids.ts';
import type { AuditOutcome, AuditRow } from './audit-types.ts';
import { chooseLeaves, samplesPerShard } from './challenge-plan.ts';
import { findSegments, judgeAnswer, judgeSegments } from './verdict.ts';

const host = nodeIdFromPublicKey(new Uint8Array(32));
const shardId = new Uint8Array(32) as ShardId;

const judgeFile = (all: AuditRow[], segmentCount: number, policy: Parameters<typeof judgeSegments>[1], isAnswered?: () => boolean) =>
  judgeSegments(findSegments(all, segmentCount, isAnswered), policy);

/** One segment of shards with these outcomes. */
const rows = (...outcomes: AuditOutcome[]): AuditRow[] =>
  outcomes.map((outcome, index) => ({ shardId, segment: 0, index, host, outcome, reason: '' }));

describe('what an audit says of a file of 2 of 5, happy with 4', () => {
  const judge = (...outcomes: AuditOutcome[]) => judgeFile(rows(...outcomes), 1, { k: 2, n: 5, happy: 4 }).health;

  it('uses the words of the glossary', () => {
    expect(judge('passed', 'passed', 'passed', 'passed', 'passed')).toBe('good');
    expect(judge('passed', 'passed', 'passed', 'passed', 'offline')).toBe('degraded');
    expect(judge('passed', 'passed', 'passed', 'failed', 'offline')).toBe('at-risk');
    expect(judge('passed', 'failed', 'failed', 'failed', 'failed')).toBe('lost');
  });

  it('does not call a file lost while a silent host may still hold what is missing', () => {
    expect(judge('passed', 'failed', 'failed', 'failed', 'offline')).toBe('unknown');
    expect(judge('passed', 'failed', 'failed', 'failed', 'contained')).toBe('unknown');
  });

  it('calls it lost when those who no longer promise anything say that they have nothing', () => {
    const over = rows('inconclusive', 'inconclusive', 'inconclusive', 'inconclusive', 'inconclusive');
    expect(judgeFile(over, 1, { k: 2, n: 5, happy: 4 }).health).toBe('unknown');
    expect(judgeFile(over, 1, { k: 2, n: 5, happy: 4 }, () => true).health).toBe('lost');
  });

  it('blames a host only for wrong bytes or its own signed word', () => {
    expect(judgeAnswer('wrong-bytes')).toBe('failed');
    expect(judgeAnswer('signed-not-held')).toBe('failed');
    expect(judgeAnswer('no-answer')).toBe('contained');
    expect(judgeAnswer('hung-up')).toBe('contained');
    expect(judgeAnswer('lease-over')).toBe('inconclusive');
    expect(judgeAnswer('unreachable')).toBe('offline');
    expect(judgeAnswer('refused')).toBe('inconclusive');
  });

  it('judges by the worst segment', () => {
    const all = [...rows('passed', 'passed', 'passed', 'passed', 'passed'), ...rows('passed', 'passed', 'offline', 'offline', 'offline')];
    const two = all.map((row, i) => ({ ...row, segment: i < 5 ? 0 : 1 }));
    expect(judgeFile(two, 2, { k: 2, n: 5, happy: 4 })).toEqual({ health: 'at-risk', shardsHealthy: 2 });
  });
});

describe('challenges', () => {
  it('ask at least one leaf of every shard, distinct, and never one that does not exist', () => {
    const { runtime } = createSimRuntime(1);
    expect(samplesPerShard(1)).toBe(20);
    expect(samplesPerShard(400)).toBe(1);
    for (let count = 0; count < 30; count++) {
      const leaves = chooseLeaves(runtime.entropy, 25, count);
      expect(new Set(leaves).size).toBe(Math.min(25, count));
      expect(leaves.every((leaf) => leaf >= 0 && leaf < 25)).toBe(true);
    }
  });
});
