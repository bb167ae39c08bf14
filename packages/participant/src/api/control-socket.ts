// driven: makes room for a control socket: what a dead process left goes, one that somebody listens on stays.
import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { BatChainError } from '@batchain/shared';

/** What a connect says when nobody listens behind the path. */
const DEAD: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTSOCK']);

/** True when something listens there. The answer comes at once: a full backlog is an error too, and means that somebody does. */
function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (isAlive: boolean): void => {
      socket.destroy();
      resolve(isAlive);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', (error: NodeJS.ErrnoException) => settle(!DEAD.has(error.code ?? '')));
  });
}

/** Removes a dead socket file; throws BAT_E_HOME_IN_USE when a process still listens: its socket is not ours to take. */
export async function clearControlPath(path: string): Promise<void> {
  if (await isListenedOn(path)) {
    throw new BatChainError('BAT_E_HOME_IN_USE', {
      what: `the control socket ${path} is in use`,
      why: 'another daemon listens on it',
      fix: 'stop that daemon first, or choose another --home',
    });
  }
  rmSync(path, { force: true });
}
