import { type Address, second } from '@batchain/shared';
import { createSimRuntime, SimDatagramSocket, SimNetwork } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { DatagramDemux } from './datagram-demux.ts';
import { decodeBindingResponse, encodeBindingRequest } from './stun.ts';

const TRANSACTION = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);

async function makePair() {
  const simulation = createSimRuntime('demux');
  const network = new SimNetwork(simulation);
  const [server, client] = [network.addHost(), network.addHost()];
  const demux = new DatagramDemux(simulation.runtime, new SimDatagramSocket(server, { port: 4870 }));
  const passed: { readonly bytes: Uint8Array; readonly from: Address }[] = [];
  await demux.open((bytes, from) => passed.push({ bytes, from }));
  const answers: Uint8Array[] = [];
  const socket = new SimDatagramSocket(client, { port: 5000 });
  await socket.open((bytes) => answers.push(bytes));
  const ask = (bytes: Uint8Array) => socket.send(bytes, server.address(4870));
  return { simulation, network, server, client, demux, passed, answers, ask, socket };
}

describe('DatagramDemux', () => {
  it('answers STUN itself and passes everything else on, both ways', async () => {
    const { simulation, server, client, demux, passed, answers, ask } = await makePair();
    ask(encodeBindingRequest(TRANSACTION));
    ask(Uint8Array.of(0xbc, 1, 2));
    await simulation.clock.runFor(second);
    expect(answers.map((answer) => decodeBindingResponse(answer, TRANSACTION))).toEqual([{ ok: true, value: client.address(5000) }]);
    expect(passed).toEqual([{ bytes: Uint8Array.of(0xbc, 1, 2), from: client.address(5000) }]);
    demux.send(Uint8Array.of(7), client.address(5000));
    await simulation.clock.runFor(second);
    expect(answers).toHaveLength(2);
    expect(demux.localAddress.port).toBe(4870);
    expect(server.counters.sentDatagrams).toBe(2);
    await demux.close();
    ask(encodeBindingRequest(TRANSACTION));
    await simulation.clock.runFor(second);
    expect(answers).toHaveLength(2);
  });

  it('T6 sends 1,200 bytes a second more than it gets at most, whoever asks', async () => {
    const { simulation, network, server } = await makePair();
    const before = server.counters;
    const request = encodeBindingRequest(TRANSACTION, { hasFingerprint: false });
    for (let i = 0; i < 5000; i++) network.inject({ host: `20.0.${i >> 8}.${i & 255}`, port: 9 }, server.address(4870), request);
    await simulation.clock.runFor(10);
    const { sentBytes, sentDatagrams } = server.counters;
    expect(sentDatagrams - before.sentDatagrams).toBe(100);
    expect(sentBytes - before.sentBytes).toBe(100 * 32);
    await simulation.clock.runFor(second);
    for (let i = 0; i < 500; i++) network.inject({ host: '20.0.0.1', port: 9 }, server.address(4870), request);
    await simulation.clock.runFor(10);
    expect(server.counters.sentDatagrams - before.sentDatagrams).toBe(200);
  });
});
