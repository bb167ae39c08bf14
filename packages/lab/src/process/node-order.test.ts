import { describe, expect, it } from 'vitest';
import { chooseFreePorts } from './free-ports.ts';
import { parseOrder } from './node-order.ts';

describe('the order to the process of a node', () => {
  it('is understood whole or not at all', () => {
    const order = { folder: '/lab', name: 'node1', join: ['127.0.0.1:4870'], endsWithParent: false };
    expect(parseOrder(JSON.stringify(order))).toEqual(order);
    for (const wrong of [undefined, '', '{}', JSON.stringify({ ...order, extra: 1 })]) expect(() => parseOrder(wrong)).toThrow();
  });
});

describe('free ports', () => {
  it('come once each', async () => {
    const ports = await chooseFreePorts(8);
    expect(new Set(ports.map(({ kadPort }) => kadPort)).size).toBe(8);
    expect(new Set(ports.map(({ batPort }) => batPort)).size).toBe(8);
  });
});
