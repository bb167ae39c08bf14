import { readFileSync } from 'node:fs';
import { fromHex, toHex } from '@batchain/shared';
import { expect, it } from 'vitest';
import {
  encodePunchPacket,
  openPunchPacket,
  type PunchPacketKind,
  type PunchRole,
} from '../../packages/participant/src/reach/hand-punch/punch-packet.ts';

const vectors = JSON.parse(readFileSync(new URL('../../docs/spec/vectors/punch.json', import.meta.url), 'utf8')) as {
  readonly key: string;
  readonly packets: readonly { readonly role: PunchRole; readonly kind: PunchPacketKind; readonly packet: string }[];
};
const key = fromHex(vectors.key) as Uint8Array;

it('packets of a hand punch are as another implementation writes them', () => {
  expect(vectors.packets).toHaveLength(8);
  for (const { role, kind, packet } of vectors.packets) {
    expect(toHex(encodePunchPacket(key, role, kind))).toBe(packet);
    expect(openPunchPacket(key, role, fromHex(packet) as Uint8Array)).toBe(kind);
  }
});
