import { ERROR_CODES } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { listenError } from './listen-error.ts';

const failure = (code: string): Error & { readonly code: string } => Object.assign(new Error(`listen ${code}`), { code });

describe('listenError', () => {
  it('says how to get a low port where the right to it is missing', () => {
    for (const code of ['EACCES', 'EPERM']) {
      const error = listenError(failure(code), { host: '::', port: 443 });
      expect(error).toMatchObject({ code: 'BAT_E_LISTEN_FAILED', what: 'can not listen on TCP [::]:443', why: code });
      expect(error.fix).toContain('setcap cap_net_bind_service');
    }
    expect(listenError(failure('EACCES'), { host: '::', port: 4880 }).fix).toBe(ERROR_CODES.BAT_E_LISTEN_FAILED.fix);
  });

  it('tells a taken port from an address of another machine', () => {
    expect(listenError(failure('EADDRINUSE'), { host: '127.0.0.1', port: 443 })).toMatchObject({ code: 'BAT_E_PORT_IN_USE' });
    const foreign = listenError(failure('EADDRNOTAVAIL'), { host: '192.0.2.1', port: 443 });
    expect(foreign).toMatchObject({ why: 'EADDRNOTAVAIL', fix: ERROR_CODES.BAT_E_LISTEN_FAILED.fix });
  });
});
