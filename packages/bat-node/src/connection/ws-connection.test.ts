// A buffer that was sent from is used again, for plain bytes: what still waits in a queue must not change with it.
import { type Connection, keyPairFromSeed, present } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, expect, it } from 'vitest';
import { WsDialer, WsListener } from './ws-transport.ts';

const KiB = 1024;
const SEALED = 0x11;
const PLAIN = 0x99;
const MESSAGES = 200;
const runtime = createSystemRuntime();
const ana = keyPairFromSeed(new Uint8Array(32).fill(1));
const ben = keyPairFromSeed(new Uint8Array(32).fill(2));
const listener = new WsListener(runtime, ben, { host: '127.0.0.1', port: 0 });

afterEach(async () => {
  await listener.close();
});

it('sends what it was given, also to a slow peer, when the buffer has got other bytes in the meantime', async () => {
  let accept: (connection: Connection) => void = () => undefined;
  const accepted = new Promise<Connection>((resolve) => {
    accept = resolve;
  });
  await listener.listen(accept);
  const dialled = await new WsDialer(runtime, ana, { ownHosts: () => ['127.0.0.1'] }).dial(listener.localAddress, ben.nodeId, {
    timeoutMs: 5_000,
  });
  if (!dialled.ok) throw new Error(dialled.reason);
  const owner = dialled.value;
  const host = await accepted;

  // The host reads in short spells, so that now the kernel takes what is sent and now it has to wait.
  let got = 0;
  let plain = 0;
  const allGot = new Promise<void>((resolve) => {
    host.onMessage((message) => {
      got++;
      if (message.includes(PLAIN)) plain++;
      if (got === MESSAGES) resolve();
      host.pause(true);
      runtime.clock.setTimer(1, () => host.pause(false));
    });
  });
  const buffer = new Uint8Array(new SharedArrayBuffer(256 * KiB));
  const sendParts = present(owner.sendParts?.bind(owner), 'parts');
  for (let sent = 0; sent < MESSAGES; sent++) {
    await sendParts(Uint8Array.of(1, 2, 3), buffer.fill(SEALED));
    if (sent % 6 > 0) continue;
    buffer.fill(PLAIN);
    // The next segment is read from the disk.
    await runtime.clock.sleep(1);
  }
  await allGot;
  expect(plain).toBe(0);
});
