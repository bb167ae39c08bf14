import { GiB, MiB } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ROSTER_BYTES_MAX } from '../limits.ts';
import { diskRoom, OWNER_SHARE_ABOVE, Quota, type Reservation } from './quota.ts';

const quota = (limits: Partial<Quota['limits']> = {}) => new Quota({ offerBytes: 1000, ownerShare: 1, shardsMax: 100, ...limits });

describe('Quota', () => {
  it('BN-22 grants the offer to the last byte and not one more', () => {
    const room = quota();
    expect(room.judge('ana', 1000)).toBeUndefined();
    expect(room.judge('ana', 1001)).toBe('no-room');
    const reserved = room.reserve('ana', 600);
    expect(room.judge('bo', 400)).toBeUndefined();
    expect(room.judge('bo', 401)).toBe('no-room');
    room.giveBack(reserved);
    expect(room.freeBytes).toBe(1000);
  });

  it('has no room left when the offer was made smaller than what is held', () => {
    const room = quota();
    room.addUsed(1500);
    expect(room.freeBytes).toBe(-500);
    expect(room.judge('ana', 0)).toBe('no-room');
  });

  it('counts shards under way towards the most that it takes', () => {
    const room = quota({ shardsMax: 2 });
    room.addPlaces('ana', 1, 10);
    room.reserve('ana', 10);
    expect(room.judge('ana', 1)).toBe('too-many-shards');
  });

  it('bounds an owner by its share only where the offer is scarce', () => {
    const room = quota({ ownerShare: 0.5 });
    room.addPlaces('bo', 1, 10);
    room.addUsed(10);
    expect(room.judge('ana', 1000 * OWNER_SHARE_ABOVE - 10)).toBeUndefined();
    expect(room.judge('ana', 1000 * OWNER_SHARE_ABOVE)).toBe('owner-share');
    room.addPlaces('ana', 8, 790);
    room.addUsed(790);
    expect(room.judge('ana', 1)).toBe('owner-share');
    expect(room.judge('bo', 200)).toBeUndefined();
  });

  it('lets an owner who is alone have the whole offer', () => {
    const room = quota({ ownerShare: 0.5 });
    room.addPlaces('ana', 9, 900);
    room.addUsed(900);
    expect(room.judge('ana', 100)).toBeUndefined();
    expect(room.judge('ana', 101)).toBe('no-room');
  });

  it('T15 bounds an owner by its share of the places as well, where they are scarce', () => {
    const room = quota({ ownerShare: 0.5, shardsMax: 100 });
    room.addPlaces('bo', 1, 1);
    room.addPlaces('ana', 79, 79);
    expect(room.judge('ana', 1)).toBe('owner-share');
    for (let i = 0; i < 20; i++) {
      expect(room.judge('bo', 1)).toBeUndefined();
      room.reserve('bo', 1);
    }
    expect(room.judge('bo', 1)).toBe('too-many-shards');
  });

  it('T15 counts rosters like shards, and lets them go beyond the offer a little, for each owner a part of it', () => {
    const room = quota({ offerBytes: 100 * MiB });
    room.addUsed(90 * MiB);
    room.addPlaces('bo', 1, 90 * MiB);
    const put = (owner: string, bytes: number) => {
      const refusal = room.judgeRoster(owner, bytes);
      if (refusal === undefined) room.addRoster(owner, bytes);
      return refusal;
    };
    expect(put('ana', 10 * MiB)).toBeUndefined();
    expect([room.freeBytes, room.rosterBytes, room.ownerBytes('ana')]).toEqual([0, 10 * MiB, 10 * MiB]);
    expect(room.judge('bo', 1)).toBe('no-room');
    expect(put('ana', 6 * MiB)).toBeUndefined();
    expect(put('ana', 1)).toBe('no-room');
    expect(put('ana', -1)).toBeUndefined();
    for (const owner of ['bo', 'cy', 'di']) expect(put(owner, ROSTER_BYTES_MAX)).toBeUndefined();
    expect(put('ed', ROSTER_BYTES_MAX)).toBeUndefined();
    expect(put('flo', ROSTER_BYTES_MAX)).toBe('no-room');
    room.addRoster('ed', -ROSTER_BYTES_MAX);
    expect(put('flo', ROSTER_BYTES_MAX)).toBeUndefined();
  });

  it('is never overdrawn and ends where it began, whatever comes and goes', () => {
    const owners = ['ana', 'bo'];
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1), fc.nat(400), fc.nat(3)), { maxLength: 60 }), (steps) => {
        const room = quota();
        const open: Reservation[] = [];
        const kept: Reservation[] = [];
        for (const [who, bytes, what] of steps) {
          const owner = owners[who] as string;
          if (what < 2 && room.judge(owner, bytes) === undefined) open.push(room.reserve(owner, bytes));
          const reservation = what === 2 ? open.pop() : undefined;
          if (reservation !== undefined) {
            room.giveBack(reservation);
            room.addUsed(reservation.bytes);
            room.addPlaces(reservation.owner, 1, reservation.bytes);
            kept.push(reservation);
          }
          expect(room.usedBytes + room.reservedBytes).toBeLessThanOrEqual(1000);
        }
        for (const reservation of open) room.giveBack(reservation);
        for (const { owner, bytes } of kept) {
          room.addUsed(-bytes);
          room.addPlaces(owner, -1, -bytes);
        }
        expect([room.usedBytes, room.reservedBytes, room.shardCount, room.ownerBytes('ana'), room.freeBytes]).toEqual([0, 0, 0, 0, 1000]);
      }),
    );
  });
});

describe('diskRoom', () => {
  it('leaves what must stay free and what is promised', () => {
    expect(diskRoom(10 * GiB, 1 * GiB, 2 * GiB)).toBe(7 * GiB);
    expect(diskRoom(1 * GiB, 1 * GiB, 5)).toBe(-5);
  });
});
