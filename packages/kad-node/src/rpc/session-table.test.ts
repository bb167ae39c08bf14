import { type Address, hour, keyPairFromSeed, makeAddress, minute, present, sha256, utf8Bytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { SESSION_IDLE_MS, SESSIONS_PER_ADDRESS_MAX } from '../limits.ts';
import { Session } from './session.ts';
import { SessionTable } from './session-table.ts';

const keys = keyPairFromSeed(sha256(utf8Bytes('peer')));
const here: Address = present(makeAddress('192.0.2.1', 4870), 'address');
const HERE = '192.0.2.1:4870';
let count = 0;

function makeSession(options: { address?: Address; isAsker?: boolean; nowMs?: number } = {}): Session {
  const id = sha256(utf8Bytes(`session ${count++}`));
  const { address = here, isAsker = true, nowMs = 0 } = options;
  const session = new Session(
    {
      localId: id.slice(0, 8),
      peerId: id.slice(8, 16),
      peer: { nodeId: keys.nodeId, address },
      isAsker,
      keys: { askerToAnswerer: id, answererToAsker: id },
      handshake: { transcript: id, peerPublicKey: keys.publicKey },
      observedAddress: here,
    },
    nowMs,
  );
  if (!isAsker) session.welcome = { bytes: id, helloHash: id };
  return session;
}

const elsewhere = (n: number): Address => present(makeAddress(`20.0.${n >> 8}.${n & 255}`, 4870), 'address');

describe('SessionTable', () => {
  it('finds a session by our id, by address, and by what the peer calls it', () => {
    const table = new SessionTable();
    const session = makeSession();
    table.add(session);
    expect(table.find(session.localId, 0)).toBe(session);
    expect(table.forPeer(HERE, 0)).toBe(session);
    expect(table.findByPeerId(HERE, session.peerId)).toBe(session);
    table.remove(session);
    expect(table.find(session.localId, 0)).toBeUndefined();
    expect(table.forPeer(HERE, 0)).toBeUndefined();
    expect(table.liveCount).toBe(0);
  });

  it('sends nothing in a session whose asker has not proved its id', () => {
    const table = new SessionTable();
    const session = makeSession({ isAsker: false });
    table.add(session);
    expect(table.forPeer(HERE, 0)).toBeUndefined();
    table.confirm(session);
    expect(table.forPeer(HERE, 0)).toBeUndefined();
    session.isPeerProved = true;
    expect(table.forPeer(HERE, 0)).toBe(session);
  });

  it('prefers the newest session of an address', () => {
    const table = new SessionTable();
    const [old, young] = [makeSession(), makeSession()];
    table.add(old);
    table.add(young);
    expect(table.forPeer(HERE, 0)).toBe(young);
    expect(table.find(old.localId, 0)).toBe(old);
  });

  it('ends a session that was idle for 15 minutes, for sending a little earlier, and any after 6 hours', () => {
    const table = new SessionTable();
    const session = makeSession();
    table.add(session);
    expect(table.forPeer(HERE, SESSION_IDLE_MS)).toBeUndefined();
    expect(table.find(session.localId, SESSION_IDLE_MS)).toBe(session);
    expect(table.find(session.localId, SESSION_IDLE_MS + 1)).toBeUndefined();
    expect(table.liveCount).toBe(0);
    const busy = makeSession();
    table.add(busy);
    busy.heardMs = 6 * hour + minute;
    expect(table.forPeer(HERE, 6 * hour + minute)).toBeUndefined();
  });

  it('T6 forged HELLOs push out only one another: live sessions stay', () => {
    const table = new SessionTable({ sessionsMax: 8, halfOpenMax: 4 });
    const live = Array.from({ length: 8 }, (_, i) => makeSession({ address: elsewhere(i) }));
    for (const session of live) table.add(session);
    for (let i = 0; i < 100; i++) table.add(makeSession({ isAsker: false, address: elsewhere(i) }));
    expect(table.halfOpenCount).toBe(4);
    for (const session of live) expect(table.find(session.localId, 0)).toBe(session);
  });

  it('forged HELLOs in the name of one address do not end the sessions of that address', () => {
    const table = new SessionTable();
    const live = makeSession();
    table.add(live);
    for (let i = 0; i < 50; i++) table.add(makeSession({ isAsker: false }));
    expect(table.halfOpenCount).toBe(SESSIONS_PER_ADDRESS_MAX);
    expect(table.forPeer(HERE, 0)).toBe(live);
  });

  it('is bounded, and lets go of the session used longest ago', () => {
    const table = new SessionTable({ sessionsMax: 3, halfOpenMax: 1 });
    const sessions = Array.from({ length: 4 }, (_, i) => makeSession({ address: elsewhere(i) }));
    for (const session of sessions.slice(0, 3)) table.add(session);
    table.find((sessions[0] as Session).localId, 2000);
    table.add(sessions[3] as Session);
    expect(table.liveCount).toBe(3);
    expect(table.find((sessions[1] as Session).localId, 0)).toBeUndefined();
    expect(table.forPeer('20.0.0.1:4870', 0)).toBeUndefined();
    expect(table.find((sessions[0] as Session).localId, 0)).toBe(sessions[0]);
  });
});
