import { describe, expect, it } from 'vitest';
import { INBOUND_CONNECTIONS_MAX } from '../limits.ts';
import { ADMISSION_LIMITS, Admission, type AdmissionTicket } from './admission.ts';

const ticketOf = (admission: Admission, host: string): AdmissionTicket => {
  const ticket = admission.admit(host);
  if (typeof ticket === 'string') throw new Error(ticket);
  return ticket;
};

const limits = { connectionsMax: 6, connectionsPerIpMax: 3, unprovedMax: 4, unprovedPerIpMax: 2 };

describe('admission of inbound connections', () => {
  it('gives one IP only its share, and gives the place back once', () => {
    const admission = new Admission(limits);
    const first = ticketOf(admission, '203.0.113.5');
    ticketOf(admission, '203.0.113.5');
    expect(admission.admit('203.0.113.5')).toBe('host');
    first.markProved();
    first.markProved();
    ticketOf(admission, '203.0.113.5');
    first.release();
    first.release();
    expect(admission).toMatchObject({ open: 2, unproved: 2 });
  });

  it('counts neighbours on private ranges in the total only', () => {
    const admission = new Admission(limits);
    const tickets = Array.from({ length: 4 }, () => ticketOf(admission, '192.168.1.7'));
    expect(admission.admit('192.168.1.8'), 'too many that proved nothing').toBe('all');
    for (const ticket of tickets) ticket.markProved();
    ticketOf(admission, '192.168.1.7');
    ticketOf(admission, '192.168.1.7');
    expect(admission.admit('127.0.0.1'), 'no place left').toBe('all');
  });

  it('T14 hears who knocks while all places for sessions are taken', () => {
    const admission = new Admission(ADMISSION_LIMITS);
    for (let i = 0; i < INBOUND_CONNECTIONS_MAX; i++) ticketOf(admission, '127.0.0.1').markProved();
    for (let i = 0; i < ADMISSION_LIMITS.unprovedMax; i++) ticketOf(admission, '127.0.0.1');
    expect(admission.admit('127.0.0.1')).toBe('all');
  });

  it('remembers no host without a connection', () => {
    const admission = new Admission(limits);
    for (let i = 0; i < 100; i++) ticketOf(admission, `198.51.100.${i}`).release();
    expect(admission).toMatchObject({ open: 0, unproved: 0 });
    ticketOf(admission, '198.51.100.1');
  });
});
