import { describe, expect, it } from 'vitest';
import { REQUESTS_MAX, REQUESTS_PER_PEER_MAX } from '../limits.ts';
import { RequestPlaces } from './request-places.ts';

/** How many places the peer gets when it asks for as many as it can. */
function takeAll(places: RequestPlaces, peer: string): number {
  let count = 0;
  while (places.take(peer)) count++;
  return count;
}

describe('RequestPlaces', () => {
  it('gives one peer its share and takes it back', () => {
    const places = new RequestPlaces();
    expect(takeAll(places, 'ana')).toBe(REQUESTS_PER_PEER_MAX);
    places.give('ana');
    expect(places.take('ana')).toBe(true);
    expect(places.take('ana')).toBe(false);
    for (let i = 0; i < REQUESTS_PER_PEER_MAX; i++) places.give('ana');
    expect(places.taken).toBe(0);
  });

  it('T14 has a place left for a new peer when 30 others ask for all', () => {
    const places = new RequestPlaces();
    for (let peer = 0; peer < 30; peer++) expect(takeAll(places, `peer ${peer}`), `peer ${peer}`).toBeGreaterThan(0);
    expect(places.take('honest')).toBe(true);
  });

  it('T14 has no more than REQUESTS_MAX in work, when as many peers ask for one', () => {
    const places = new RequestPlaces();
    const taken = Array.from({ length: REQUESTS_MAX + 10 }, (_, peer) => places.take(`peer ${peer}`)).filter(Boolean);
    expect(taken).toHaveLength(REQUESTS_MAX);
  });
});
