import { sha256, utf8Bytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import type { FileId } from '../ids.ts';
import { leftReason, orderFiles, scopeOf } from './leave-order.ts';

const fileOf = (name: string): FileId => sha256(utf8Bytes(name)) as FileId;

describe('the order of a leave', () => {
  it('BD-44 begins with the files that have the fewest hosts to spare, and ends with those that nobody looked at', () => {
    const files = [
      { fileId: fileOf('unknown'), spare: undefined },
      { fileId: fileOf('good'), spare: 3 },
      { fileId: fileOf('at risk'), spare: 0 },
      { fileId: fileOf('nearly lost'), spare: -1 },
      { fileId: fileOf('also unknown'), spare: undefined },
    ];
    const names = ['nearly lost', 'at risk', 'good', 'unknown', 'also unknown'];
    expect(orderFiles(files)).toEqual(names.map(fileOf));
  });
});

describe('a refusal', () => {
  it('says whether the host takes nothing more, nothing so long, nothing of the file, or not this shard', () => {
    expect(['leaving', 'unproved', 'no-room', 'owner-share', 'same-segment', 'busy', 'timeout', 'whatever'].map(scopeOf)).toEqual([
      'host',
      'host',
      'room',
      'file',
      'shard',
      'passing',
      'passing',
      'passing',
    ]);
  });

  it('is told once per word; without one there was nobody', () => {
    expect(leftReason(['same-segment', 'no-room', 'same-segment'])).toBe('same-segment, no-room');
    expect(leftReason([])).toBe('no-receiver');
  });
});
