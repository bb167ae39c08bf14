import { describe, expect, it } from 'vitest';
import { leftReasonText } from './left-text.ts';

describe('BD-17 why something stayed behind', () => {
  it('is said in words: of the shard, of who was asked, or as it came', () => {
    expect(leftReasonText('same-segment')).toBe('the others have a shard of that segment already');
    expect(leftReasonText('no-room, busy')).toBe('who was asked has no room, who was asked is busy');
    expect(leftReasonText('something-new')).toBe('something-new');
  });
});
