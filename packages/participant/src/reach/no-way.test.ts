import { expect, it } from 'vitest';
import { BETTER_WAY_WANTED, Climb } from './climb-log.ts';
import { noWayOf } from './no-way.ts';

/** A climb whose call was answered and that led nowhere, with the relay left out for this reason. */
function climbWithout(reason: string): Climb {
  const climb = new Climb('caller', 0, 0);
  climb.began('signal', 0)('won', '', 10);
  climb.began('tcp-punch', 10)('failed', 'timeout: 4000 ms', 4010);
  climb.skipped('relay', reason);
  return climb;
}

it('a search for a better way than a relay that found none does not say that no relay is known', () => {
  expect(noWayOf([climbWithout('neither knows a participant that relays')])).toEqual({ reason: 'no relay is known', isRelayWanted: true });
  expect(noWayOf([climbWithout(BETTER_WAY_WANTED)])).toBeUndefined();
});
