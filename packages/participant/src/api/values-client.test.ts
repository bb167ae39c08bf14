import { describe, expect, it } from 'vitest';
import { ApiCalls } from './api-calls.ts';
import { ValuesClient } from './values-client.ts';

describe('a key that no path can carry', () => {
  it('is told as such, before anything is asked', async () => {
    const client = new ValuesClient(new ApiCalls('/nowhere/control.sock'));
    for (const key of ['', 'a\0b']) {
      const calls = [
        client.get(key),
        client.remove(key),
        client.put(key, { text: 'x' }),
        client.save(key, { path: '/x' }),
        client.content(key).next(),
      ];
      for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'BAT_E_VALUE_KEY' });
    }
  });
});
