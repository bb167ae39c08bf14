import { describe, expect, it } from 'vitest';
import { Admission } from './admission.ts';

const limits = { connectionsMax: 6, connectionsPerIpMax: 3, unprovedMax: 4, unprovedPerIpMax: 2 };

describe('admission of inbound connections', () => {
  it('gives one IP only its share, and gives the place back once', () => {
    const admission = new Admission(limits);
    const first = admission.admit('203.0.113.5');
    expect(first).toBeDefined();
    expect(admission.admit('203.0.113.5')).toBeDefined();
    expect(admission.admit('203.0.113.5')).toBeUndefined();
    first?.markProved();
    first?.markProved();
    expect(admission.admit('203.0.113.5')).toBeDefined();
    first?.release();
    first?.release();
    expect(admission).toMatchObject({ open: 2, unproved: 2 });
  });

  it('counts neighbours on private ranges in the total only', () => {
    const admission = new Admission(limits);
    const tickets = Array.from({ length: 4 }, () => admission.admit('192.168.1.7'));
    expect(tickets.every((ticket) => ticket !== undefined)).toBe(true);
    expect(admission.admit('192.168.1.8'), 'too many that proved nothing').toBeUndefined();
    for (const ticket of tickets) ticket?.markProved();
    expect(admission.admit('192.168.1.7')).toBeDefined();
    expect(admission.admit('192.168.1.7')).toBeDefined();
    expect(admission.admit('127.0.0.1'), 'no place left').toBeUndefined();
  });

  it('remembers no host without a connection', () => {
    const admission = new Admission(limits);
    for (let i = 0; i < 100; i++) admission.admit(`198.51.100.${i}`)?.release();
    expect(admission).toMatchObject({ open: 0, unproved: 0 });
    expect(admission.admit('198.51.100.1')).toBeDefined();
  });
});
