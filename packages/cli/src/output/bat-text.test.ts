import { describe, expect, it } from 'vitest';
import { batText } from './bat-text.ts';

const HOME = '192.168.1.10:4880';

describe('where a peer takes connections', () => {
  it('is what its record says, where that leads there from here', () => {
    expect(batText({ kad: null, bat: '203.0.113.10:4880', connectedTo: '203.0.113.10:51234' })).toBe('203.0.113.10:4880');
    expect(batText({ kad: '192.168.1.10:4870', bat: HOME, connectedTo: null }), 'on our network').toBe(HOME);
    expect(batText({ kad: null, bat: HOME, connectedTo: '192.168.1.10:51234' }), 'connected there').toBe(HOME);
    expect(batText({ kad: '[::1]:4870', bat: '[::1]:4880', connectedTo: null })).toBe('[::1]:4880');
  });

  it('is where the connection leads, or nothing, for a peer in another home network', () => {
    expect(batText({ kad: null, bat: HOME, connectedTo: '203.0.113.77:4880' })).toBe('203.0.113.77:4880');
    expect(batText({ kad: '203.0.113.77:4870', bat: HOME, connectedTo: null }), 'not connected, or relayed').toBe('-');
    expect(batText({ kad: null, bat: null, connectedTo: null })).toBe('-');
  });
});
