// Whole participants that are told over their local API to join: where UDP does not get out too; a refused join leaves nothing behind.
import { formatAddress, second, toHex } from '@batchain/shared';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ParticipantWorld, type SimParticipant } from './participant-world.ts';

let world: ParticipantWorld;
let carrier: SimParticipant;
const options = { signal: new AbortController().signal };

beforeEach(async () => {
  world = new ParticipantWorld('joining');
  carrier = await world.add('carrier', { address: '203.0.113.10', hasTunnels: true });
  await world.add('other', { address: '198.51.100.20' }, [world.kadAddress(carrier)]);
});
afterEach(() => world.stop());

it('BD-16 SH-07 one without UDP joins over WebSockets through the host that it was told of, and sees the hash table', async () => {
  const mute = await world.add('mute', { nat: 'udp-blocked', hasTunnels: true });
  expect(mute.isJoined).toBe(false);
  const address = formatAddress(world.kadAddress(carrier));
  const joined = await world.settle(mute.node.network.join({ addresses: [address] }, options));
  expect(joined).toMatchObject({ joined: true, addresses: [{ address }] });
  const found = await world.settle(mute.node.dht.find({ id: toHex(carrier.nodeId) }, options));
  expect(found.contacts.map(({ nodeId }) => nodeId)).toContain(toHex(carrier.nodeId));
});

it('SH-08 where nobody is, neither by UDP nor otherwise, the join is refused, and nobody is asked there again', async () => {
  const newcomer = await world.add('newcomer', { nat: 'port-restr', hasTunnels: true });
  const refused = world.settle(newcomer.node.network.join({ addresses: ['192.0.2.77:4870'] }, options).catch((error: unknown) => error));
  expect(await refused).toMatchObject({ code: 'BAT_E_NO_ANSWER', what: 'not joined: nobody answers at 192.0.2.77:4870' });
  // What is under way ends by itself.
  await world.simulation.clock.runFor(5 * second);
  let later = 0;
  world.network.tap(({ stage, to }) => {
    if (stage === 'sent' && to.host === '192.0.2.77') later++;
  });
  await world.simulation.clock.runFor(180 * second);
  expect([later, newcomer.node.kad.isJoined]).toEqual([0, false]);
  const joined = await world.settle(newcomer.node.network.join({ addresses: [formatAddress(world.kadAddress(carrier))] }, options));
  expect(joined.joined).toBe(true);
});
