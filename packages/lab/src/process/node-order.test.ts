import { BatChainError } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { chooseFreePorts } from './free-ports.ts';
import { errorLine, parseOrder, readAnswer, readyLine } from './node-order.ts';

describe('the order to the process of a node', () => {
  it('is understood whole or not at all', () => {
    const order = { folder: '/lab', name: 'node1', join: ['127.0.0.1:4870'], endsWithParent: false };
    expect(parseOrder(JSON.stringify(order))).toEqual(order);
    for (const wrong of [undefined, '', '{}', JSON.stringify({ ...order, extra: 1 })]) expect(() => parseOrder(wrong)).toThrow();
  });

  it('is answered with where the node is, or with what keeps it from starting', () => {
    const ready = { nodeId: 'ab', kad: '127.0.0.1:1', bat: '127.0.0.1:2', control: '/c', joined: true };
    expect(readAnswer(readyLine(ready))).toEqual(ready);
    const error = new BatChainError('BAT_E_PORT_IN_USE', { what: 'taken', why: 'because', fix: 'another' });
    expect(() => readAnswer(errorLine(error))).toThrow(
      expect.objectContaining({ code: 'BAT_E_PORT_IN_USE', what: 'taken', why: 'because' }),
    );
    expect(() => readAnswer('no JSON')).toThrow();
  });
});

describe('free ports', () => {
  it('come once each', async () => {
    const ports = await chooseFreePorts(8);
    expect(new Set(ports.map(({ kadPort }) => kadPort)).size).toBe(8);
    expect(new Set(ports.map(({ batPort }) => batPort)).size).toBe(8);
  });
});
